/** Paths: `/v1/{account}[/{container}[/{object}]]`, checked in the order in which Swift does. */
import { utf8 } from '../../base/bytes.ts';
import { headerText } from '../http/exchange.ts';
import { Refusal, refuse, statusReply, textReply } from './reply.ts';

/** Throws Refusal 400, in Swift's words, which tempest compares. Only of objects Swift says that they are plain text. */
export function checkNameLength(
  what: 'Account' | 'Container' | 'Object',
  name: string,
  limit: number,
): void {
  const bytes = Buffer.byteLength(name);
  if (bytes <= limit) return;
  const text = `${what} name length of ${bytes} longer than ${limit}`;
  if (what === 'Object') throw refuse(400, text);
  throw new Refusal({ ...statusReply(400), body: utf8(text) });
}

export type SwiftPath =
  | { readonly shape: 'account'; readonly account: string }
  | { readonly shape: 'container'; readonly account: string; readonly container: string }
  | {
      readonly shape: 'object';
      readonly account: string;
      readonly container: string;
      readonly key: string;
    };

/** Percent-decoding to bytes (a latin1 string). A `%` that no two hex digits follow stands for itself. */
export function unquote(text: string): string {
  if (!text.includes('%')) return text;
  return text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

/** Percent-encoding of a text's UTF-8 bytes, `/` untouched: what Swift puts into headers that hold names. */
export function quote(text: string): string {
  return encodeURIComponent(text)
    .replaceAll('%2F', '/')
    .replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** Decoded bytes → text; anything but UTF-8 without NUL is refused with 412. */
export function nameText(bytes: string): string {
  const text = headerText(bytes);
  if (text === undefined || text.includes('\0')) {
    throw new Refusal(textReply(412, 'Invalid UTF8 or contains NULL'));
  }
  return text;
}

/**
 * Splits like Swift's `split_path(path, minimum, maximum, rest_with_last=True)`: undefined when a
 * segment other than the last is empty or there are too few. Absent trailing segments are ''.
 */
export function splitPath(path: string, minimum: number, maximum: number): string[] | undefined {
  if (!path.startsWith('/')) return undefined;
  const segments: string[] = [];
  let at = 1;
  while (segments.length < maximum - 1) {
    const slash = path.indexOf('/', at);
    if (slash < 0) break;
    segments.push(path.slice(at, slash));
    at = slash + 1;
  }
  segments.push(path.slice(at));
  if (segments.length < minimum) return undefined;
  if (segments.slice(0, Math.max(minimum, segments.length - 1)).includes('')) return undefined;
  while (segments.length < maximum) segments.push('');
  return segments;
}

/** Throws Refusal: 412 for bytes that are no text and for a path without account, 404 for empty segments, 400 for another version. */
export function parsePath(rawPath: string): SwiftPath {
  const path = nameText(unquote(rawPath));
  const segments = splitPath(path, 1, 4);
  if (segments === undefined) throw refuse(404);
  const [version = '', account = '', container = '', key = ''] = segments;
  if (account === '') throw new Refusal(textReply(412, 'Bad URL'));
  if (version !== 'v1' && version !== 'v1.0') throw new Refusal(statusReply(400));
  // A trailing slash names the same thing without it: Horizon asks for `container/`.
  if (container === '') return { shape: 'account', account };
  if (key === '') return { shape: 'container', account, container };
  return { shape: 'object', account, container, key };
}

/** The realm of WWW-Authenticate: the account that the path names, percent-encoded so that no byte of it can end the header. */
export function realmOf(rawPath: string): string {
  const segments = splitPath(unquote(rawPath), 2, 3);
  const account = segments?.[1] ?? '';
  if (account === '' || account === 'v1.0' || account === 'auth') return 'unknown';
  const text = headerText(account);
  return text === undefined ? 'unknown' : quote(text);
}

/**
 * The canonical request of Signature Version 4 ("Create a signed AWS API request", AWS general
 * reference), over what the client put on the wire. S3 signs the path as it is: encoded once,
 * never normalised.
 */
import { hash } from 'node:crypto';
import type { RequestHeaders } from '../request-headers.ts';

export interface CanonicalParts {
  readonly method: string;
  /** Canonical already: see `pathForms` and `queryForms`. */
  readonly path: string;
  readonly query: string;
  /** Lower-case names in the order that the client signed them. */
  readonly signedHeaders: readonly string[];
  /** Their names as the client joined them by `;`. */
  readonly signedHeadersText: string;
  readonly payloadHash: string;
}

/** Bytes as latin1. */
export function canonicalRequest(parts: CanonicalParts, headers: RequestHeaders): string {
  let lines = `${parts.method}\n${parts.path}\n${parts.query}\n`;
  for (const name of parts.signedHeaders) {
    lines += `${name}:${canonicalValue(headers.get(name) ?? '')}\n`;
  }
  return `${lines}\n${parts.signedHeadersText}\n${parts.payloadHash}`;
}

/** Trimmed, runs of blanks as one. */
function canonicalValue(value: string): string {
  const trimmed = value.trim();
  return trimmed.includes('  ') ? trimmed.replace(/ {2,}/g, ' ') : trimmed;
}

/** Which bytes a client signed for its headers: those on the wire, or (botocore) the UTF-8 of the text whose latin1 it sent. */
export type HeaderBytes = 'latin1' | 'utf8';

/** Lower-case hex SHA-256 of a canonical request. */
export function sha256Hex(canonical: string, bytes: HeaderBytes): string {
  return hash('sha256', Buffer.from(canonical, bytes), 'hex');
}

/**
 * The path encoded anew: clients that leave characters bare on the wire sign the encoded form.
 * Both forms mean the same key, so accepting either gives nothing away.
 */
export function pathAnew(path: string): string {
  return orAsItIs(path, () => path.split('/').map(encodeAnew).join('/'));
}

/** The query sorted, without its signature, its escapes as sent. */
export function queryAsSent(raw: string): string {
  return raw === '' ? '' : joinPairs(signedPairs(raw));
}

/** The same, encoded anew. */
export function queryAnew(raw: string): string {
  return orAsItIs(queryAsSent(raw), () =>
    joinPairs(signedPairs(raw).map(([name, value]) => [encodeForm(name), encodeForm(value)])),
  );
}

function signedPairs(raw: string): readonly (readonly [string, string])[] {
  const pairs: (readonly [string, string])[] = [];
  for (const piece of raw.split('&')) {
    if (piece === '') continue;
    const at = piece.indexOf('=');
    const name = at < 0 ? piece : piece.slice(0, at);
    if (name !== 'X-Amz-Signature') pairs.push([name, at < 0 ? '' : piece.slice(at + 1)]);
  }
  return pairs;
}

function joinPairs(pairs: readonly (readonly [string, string])[]): string {
  const sorted = pairs.length < 2 ? pairs : pairs.toSorted(comparePairs);
  return sorted.map(([name, value]) => `${name}=${value}`).join('&');
}

function comparePairs(a: readonly [string, string], b: readonly [string, string]): number {
  // The text is ASCII (or percent-encoded), where the order of UTF-16 units is that of bytes.
  if (a[0] !== b[0]) return a[0] < b[0] ? -1 : 1;
  return a[1] < b[1] ? -1 : a[1] > b[1] ? 1 : 0;
}

function orAsItIs(asItIs: string, encode: () => string): string {
  try {
    return encode();
  } catch {
    // A broken escape (URIError, the only one) has no other form.
    return asItIs;
  }
}

function encodeForm(text: string): string {
  return encodeAnew(text.replaceAll('+', ' '));
}

/** Everything but RFC 3986's unreserved characters as upper-case escapes. */
function encodeAnew(text: string): string {
  return encodeStrictly(decodeURIComponent(text));
}

export function encodeStrictly(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** What a reply to a TempURL shows, and how a browser shall take it. */
import { formatHttpDate } from '../../http/conditional.ts';
import type { HttpReply } from '../../http/exchange.ts';
import { quote } from '../path.ts';
import { isRemoved, type TempUrlSettings } from './settings.ts';

export interface Dressing {
  /** '' when the address names none. */
  readonly filename: string;
  readonly isInline: boolean;
  /** Of the object, without its pseudo-directories. */
  readonly name: string;
  /** Seconds since 1970. */
  readonly expires: number;
}

export function dressReply(
  reply: HttpReply,
  dressing: Dressing,
  about: { readonly method: string; readonly tempUrl: TempUrlSettings },
): HttpReply {
  const { outgoingRemove, outgoingAllow } = about.tempUrl;
  const headers = reply.headers.filter(
    ([name]) => !isRemoved(name.toLowerCase(), outgoingRemove, outgoingAllow),
  );
  const isRead = about.method === 'GET' || about.method === 'HEAD';
  if (!isRead || reply.status < 200 || reply.status > 299) return { ...reply, headers };
  const own = headers.find(([name]) => name.toLowerCase() === 'content-disposition')?.[1];
  const rest = headers.filter(([name]) => !/^(?:content-disposition|expires)$/i.test(name));
  return {
    ...reply,
    headers: [
      ...rest,
      ['Content-Disposition', dispositionOf(dressing, own)],
      // Caches keep it no longer than the address is good.
      ['Expires', formatHttpDate(dressing.expires * 1000)],
    ],
  };
}

/** The address decides, then the object's own header, then its name. */
function dispositionOf(dressing: Dressing, own: string | undefined): string {
  const { filename, isInline, name } = dressing;
  if (isInline) return filename === '' ? 'inline' : disposition('inline', filename);
  if (filename !== '') return disposition('attachment', filename);
  return own ?? disposition('attachment', name);
}

/** RFC 6266: once for all, once for those who know `filename*`. */
function disposition(type: string, filename: string): string {
  const quoted = quote(filename);
  return `${type}; filename="${quoted.replaceAll('%20', ' ')}"; filename*=UTF-8''${quoted}`;
}

/** A request's headers by ASCII-lower-case name. `HttpRequest.header` finds one by name; metadata needs all of them, in their bytes. */
import type { HttpRequest } from '../http/exchange.ts';
import { lowerAscii } from '../http/header-text.ts';
import { isInnerHeader } from './filters/gatekeeper.ts';

/** Wire values (latin1); repeated headers are joined by `, `. */
export type Headers = ReadonlyMap<string, string>;

export function readHeaders(request: HttpRequest): Headers {
  const headers = new Map<string, string>();
  for (let i = 0; i + 1 < request.rawHeaders.length; i += 2) {
    const name = lowerAscii(request.rawHeaders[i] ?? '');
    if (isInnerHeader(name)) continue;
    const value = request.rawHeaders[i + 1] ?? '';
    const earlier = headers.get(name);
    headers.set(name, earlier === undefined ? value : `${earlier}, ${value}`);
  }
  return headers;
}

/** Swift's notion of yes in headers and parameters. */
export function isTrue(value: string | undefined): boolean {
  return value !== undefined && /^(?:true|1|yes|on|t|y)$/i.test(value);
}

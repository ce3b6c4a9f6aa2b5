import type { HttpReply } from '../../http/exchange.ts';

/** 200 with a document. */
export function xmlReply(
  body: Uint8Array,
  headers: readonly (readonly [string, string])[] = [],
): HttpReply {
  return { status: 200, headers: [['Content-Type', 'application/xml'], ...headers], body };
}

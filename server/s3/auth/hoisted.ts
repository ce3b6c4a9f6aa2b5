/**
 * Headers that stand in the query of a presigned URL: SDKs move `x-amz-*` there, so that who follows
 * the URL need send none (JavaScript's does so by default). The signature covers the query.
 */
import { headerBytes } from '../../http/exchange.ts';
import { s3Error } from '../codes.ts';
import type { Query } from '../query.ts';
import { RequestHeaders } from '../request-headers.ts';

/** They are the signature, or say how the body is framed, which only its sender knows. */
const notMeant: ReadonlySet<string> = new Set([
  'x-amz-algorithm',
  'x-amz-credential',
  'x-amz-date',
  'x-amz-expires',
  'x-amz-signedheaders',
  'x-amz-signature',
  'x-amz-security-token',
  'x-amz-content-sha256',
  'x-amz-decoded-content-length',
  'x-amz-trailer',
  'x-amz-user-agent',
  'x-amz-sdk-checksum-algorithm',
]);

/** What the request means: its headers, and those of its query. A header that was sent counts. */
export function meantHeaders(
  rawHeaders: readonly string[],
  headers: RequestHeaders,
  query: Query,
): RequestHeaders {
  if (!query.has('X-Amz-Algorithm')) return headers;
  const hoisted: string[] = [];
  for (const parameter of query.names()) {
    const name = parameter.toLowerCase();
    if (!name.startsWith('x-amz-') || notMeant.has(name) || headers.has(name)) continue;
    // A digest of the body that was not there yet when the URL was signed (aws-sdk-js-v3, issue 6818).
    if (name.startsWith('x-amz-checksum-') && name !== 'x-amz-checksum-mode') continue;
    if (/-customer-key(-md5)?$/.test(name)) {
      // URLs end up in logs.
      throw s3Error('InvalidRequest', 'A customer key must be sent in headers, not in the query.');
    }
    hoisted.push(name, headerBytes(query.get(parameter) ?? ''));
  }
  return hoisted.length === 0 ? headers : new RequestHeaders([...rawHeaders, ...hoisted]);
}

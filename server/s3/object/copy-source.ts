/** What `x-amz-copy-source` names: a bucket, a key and perhaps a version. */
import type { CopyObject } from '../../core/api.ts';
import { checkKeyLength } from '../address.ts';
import type { Call } from '../call.ts';
import { invalidArgument } from '../codes.ts';
import { decodeText } from '../query.ts';
import { parseVersionId } from './version-id.ts';

export const COPY_SOURCE = 'x-amz-copy-source';
const VERSION = '?versionId=';

/** Form-encoded, with or without a leading slash (which may be encoded too). Throws `InvalidArgument`. */
export function copySourceOf(call: Call): CopyObject['source'] {
  return parseCopySource(call.headers.get(COPY_SOURCE) ?? '');
}

export function parseCopySource(header: string): CopyObject['source'] {
  const at = header.lastIndexOf(VERSION);
  const versionId = at < 0 ? undefined : header.slice(at + VERSION.length);
  const decoded = decodeSource(at < 0 ? header : header.slice(0, at));
  const path = decoded.startsWith('/') ? decoded.slice(1) : decoded;
  const slash = path.indexOf('/');
  if (slash === 0 || (slash < 0 && path === '')) {
    throw invalidArgument(COPY_SOURCE, header, 'Invalid copy source bucket name');
  }
  const key = slash < 0 ? '' : path.slice(slash + 1);
  if (key === '') throw invalidArgument(COPY_SOURCE, header, 'Invalid copy source object key');
  checkKeyLength(key);
  return {
    account: undefined,
    container: path.slice(0, slash),
    key,
    versionId: parseVersionId(versionId),
  };
}

function decodeSource(text: string): string {
  try {
    return decodeText(text);
  } catch {
    // Only InvalidURI comes from there, which would blame the request's own path.
    throw invalidArgument(COPY_SOURCE, text, 'Invalid copy source encoding');
  }
}

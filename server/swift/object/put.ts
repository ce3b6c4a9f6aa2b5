/** PUT of an object; with X-Copy-From it is a copy. */
import type { PutObject } from '../../core/api.ts';
import type { HttpReply } from '../../http/exchange.ts';
import { keepReplaced } from '../archive/keep.ts';
import type { ObjectCall } from '../call.ts';
import { type Headers, isTrue } from '../headers.ts';
import { putManifest } from '../large/put-manifest.ts';
import { readObjectMetadata } from '../metadata.ts';
import { refuse, statusReply } from '../reply.ts';
import { isSymlinkPut } from '../symlink/link.ts';
import { putSymlink } from '../symlink/put.ts';
import { putSyncedManifest } from '../sync/put-synced.ts';
import { promoteVersion } from '../versions/promote.ts';
import { madeVersionHeaders, readVersionId } from '../versions/version-id.ts';
import { formatLastModified } from '../timestamps.ts';
import { readWriteCondition } from './conditions.ts';
import { copyIntoObject } from './copy.ts';
import { readExpiry } from './expiry.ts';
import {
  checkKeyLength,
  contentTypeFor,
  readSystemHeaders,
  refuseReserved,
} from './object-headers.ts';

export async function putObject(call: ObjectCall): Promise<HttpReply> {
  if (call.query.text('multipart-manifest') === 'put') return putManifest(call);
  if (call.context.madeAt !== undefined && isTrue(call.headers.get('x-static-large-object'))) {
    return putSyncedManifest(call);
  }
  if ((call.headers.get('x-copy-from') ?? '') !== '') return copyIntoObject(call);
  const versionId = readVersionId(call);
  if (versionId !== undefined) return promoteVersion(call, versionId);
  const { account, container, key } = call;
  await keepReplaced(call, { account, container, key });
  if (isSymlinkPut(call)) return putSymlink(call);
  const outcome = await call.door.core.putObject(call.context, readPut(call));
  return statusReply(201, [
    ['Etag', outcome.row.etag],
    ['Last-Modified', formatLastModified(outcome.row.modifiedAt)],
    ...madeVersionHeaders(outcome),
  ]);
}

function readPut(call: ObjectCall): PutObject {
  const { account, container, key, headers } = call;
  const condition = readWriteCondition(headers);
  const size = readLength(call);
  checkKeyLength(call, key);
  if (headers.has('content-range')) {
    throw refuse(400, 'Content-Range is not allowed with this method');
  }
  refuseReserved(headers);
  return {
    account,
    container,
    key,
    body: { chunks: call.request.body(), size, md5: readDigest(headers) },
    contentType: contentTypeFor(headers, key),
    system: readSystemHeaders(headers),
    user: readObjectMetadata(headers),
    expiresAt: readExpiry(headers, call.door.clock.now()),
    condition,
  };
}

/** The body's length; undefined when chunked. Refuses what is too large before a byte of it is read. */
function readLength(call: ObjectCall): number | undefined {
  const encoding = call.headers.get('transfer-encoding');
  if (encoding !== undefined) {
    if (encoding.includes(',')) throw refuse(501, `Transfer-Encoding ${encoding} is not supported`);
    if (encoding.toLowerCase() !== 'chunked') {
      throw refuse(400, 'Invalid Transfer-Encoding header value');
    }
    return undefined;
  }
  if (call.request.isChunked) return undefined;
  const length = call.request.contentLength;
  if (length === undefined) throw refuse(411, 'Missing Content-Length header.');
  if (length > call.door.core.limits.maxBodyBytes) throw refuse(413, 'Your request is too large.');
  return length;
}

/** Hex MD5 that the body must have: Swift's ETag, or Content-MD5, which Swift ignores and we obey. Both must agree. */
function readDigest(headers: Headers): string | undefined {
  const etag = (headers.get('etag') ?? '').replace(/^"(.*)"$/, '$1');
  const md5 = headers.get('content-md5');
  if (md5 === undefined) return etag === '' ? undefined : etag;
  const bytes = Buffer.from(md5, 'base64');
  if (bytes.length !== 16) throw refuse(400, 'Invalid Content-MD5');
  const hex = bytes.toString('hex');
  if (etag !== '' && etag !== hex) throw refuse(422);
  return hex;
}

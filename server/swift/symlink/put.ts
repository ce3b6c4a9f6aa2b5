/** PUT with X-Symlink-Target. */
import type { HttpReply } from '../../http/exchange.ts';
import type { ObjectCall } from '../call.ts';
import { readObjectMetadata } from '../metadata.ts';
import { readWriteCondition } from '../object/conditions.ts';
import { readExpiry } from '../object/expiry.ts';
import { checkKeyLength, readContentType, readSystemHeaders } from '../object/object-headers.ts';
import { refuse, statusReply } from '../reply.ts';
import { formatLastModified } from '../timestamps.ts';
import { madeVersionHeaders } from '../versions/version-id.ts';
import { readLink } from './link.ts';

export async function putSymlink(call: ObjectCall): Promise<HttpReply> {
  const { account, container, key, headers } = call;
  checkKeyLength(call, key);
  if (await hasBody(call)) throw refuse(400, 'Symlink requests require a zero byte body');
  const outcome = await call.door.core.putLink(call.context, {
    ...{ account, container, key },
    link: readLink(call),
    contentType: readContentType(headers),
    system: readSystemHeaders(headers),
    user: readObjectMetadata(headers),
    expiresAt: readExpiry(headers, call.door.clock.now()),
    condition: readWriteCondition(headers),
  });
  return statusReply(201, [
    ['Etag', outcome.row.etag],
    ['Last-Modified', formatLastModified(outcome.row.modifiedAt)],
    ...madeVersionHeaders(outcome),
  ]);
}

/** Also of a request that says nothing about a length: then the first byte tells. */
export async function hasBody({ request }: ObjectCall): Promise<boolean> {
  if (!request.isChunked) return (request.contentLength ?? 0) > 0;
  for await (const chunk of request.body()) if (chunk.length > 0) return true;
  return false;
}

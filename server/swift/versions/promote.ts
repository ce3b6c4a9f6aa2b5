/** PUT with `version-id`: makes an older version the current one, without a new one. */
import type { HttpReply } from '../../http/exchange.ts';
import { versionIdOf } from '../../core/model.ts';
import type { ObjectCall } from '../call.ts';
import { refuse, statusReply } from '../reply.ts';
import { hasBody } from '../symlink/put.ts';
import { formatLastModified } from '../timestamps.ts';
import { refuseConditions } from '../unsupported.ts';
import { explainVersionError } from './version-id.ts';

export async function promoteVersion(call: ObjectCall, versionId: string): Promise<HttpReply> {
  if (versionId === 'null') throw refuse(400, 'Invalid version parameter');
  if (!call.request.isChunked && call.request.contentLength === undefined) throw refuse(411);
  if (await hasBody(call)) throw refuse(400, 'PUT version-id requests require a zero byte body');
  refuseConditions(call.headers);
  const { account, container, key } = call;
  const address = { account, container, key, versionId };
  try {
    const row = await call.door.core.promoteVersion(call.context, address);
    return statusReply(201, [
      ['Etag', row.etag],
      ['Last-Modified', formatLastModified(row.modifiedAt)],
      ['X-Object-Version-Id', versionIdOf(row)],
    ]);
  } catch (error) {
    throw await explainVersionError(call, error);
  }
}

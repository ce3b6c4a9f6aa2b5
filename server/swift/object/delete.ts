/** DELETE of an object. */
import type { HttpReply } from '../../http/exchange.ts';
import type { ObjectCall } from '../call.ts';
import { refuse, statusReply } from '../reply.ts';
import { readWriteCondition } from './conditions.ts';

export async function deleteObject(call: ObjectCall): Promise<HttpReply> {
  const { account, container, key, headers } = call;
  const expiry = headers.get('x-if-delete-at');
  if (expiry !== undefined) {
    if (!/^\d+(?:\.\d+)?$/.test(expiry)) throw refuse(400, 'Bad X-If-Delete-At header value');
    throw refuse(501, 'X-If-Delete-At is not supported');
  }
  const condition = readWriteCondition(headers);
  const address = { account, container, key, condition };
  const outcome = await call.door.core.deleteObject(call.context, address);
  return statusReply(outcome.deleted === undefined ? 404 : 204);
}

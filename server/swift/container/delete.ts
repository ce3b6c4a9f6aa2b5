/** DELETE of a container, which must be empty (409 otherwise). */
import type { HttpReply } from '../../http/exchange.ts';
import type { ContainerCall } from '../call.ts';
import { statusReply } from '../reply.ts';

export async function deleteContainer(call: ContainerCall): Promise<HttpReply> {
  const { account, container } = call;
  await call.door.core.deleteContainer(call.context, { account, container });
  return statusReply(204);
}

/** HEAD of a container. */
import { emptyBytes } from '../../../base/bytes.ts';
import type { HttpReply } from '../../http/exchange.ts';
import type { ContainerCall } from '../call.ts';
import { chooseFormat } from '../listing/format.ts';
import { listingReply } from '../listing/render.ts';
import { containerHeaders } from './container-headers.ts';

export async function headContainer(call: ContainerCall): Promise<HttpReply> {
  const format = chooseFormat(call.query, call.headers);
  const { account, container } = call;
  const info = await call.door.core.headContainer(call.context, { account, container });
  return listingReply(containerHeaders(call, info, format), emptyBytes);
}

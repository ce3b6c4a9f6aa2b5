/** HEAD of an account. */
import { emptyBytes } from '../../../base/bytes.ts';
import type { HttpReply } from '../../http/exchange.ts';
import type { AccountCall } from '../call.ts';
import { chooseFormat } from '../listing/format.ts';
import { listingReply } from '../listing/render.ts';
import { accountHeaders } from './account-headers.ts';

export async function headAccount(call: AccountCall): Promise<HttpReply> {
  const format = chooseFormat(call.query, call.headers);
  const info = await call.door.core.headAccount(call.context, call.account);
  return listingReply(accountHeaders(call, info, format), emptyBytes);
}

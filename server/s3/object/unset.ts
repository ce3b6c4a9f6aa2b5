/** Reading an object's sub-resources that nobody can have set. The object must be there. */
import type { HttpReply } from '../../http/exchange.ts';
import { privateAcl } from '../bucket/unset.ts';
import type { Call } from '../call.ts';
import { openRow } from './open-row.ts';

export async function getObjectAcl(call: Call): Promise<HttpReply> {
  const { container } = await openRow(call);
  return privateAcl(call, container);
}

/** `x-amz-replication-status`: shown by reads, and sent by the store that an object comes from. */
import { isOwnerOf } from '../../core/access/principal.ts';
import type { VersionRow } from '../../core/model.ts';
import type { HeaderPairs } from '../../http/exchange.ts';
import { type Call, bucketRowOf } from '../call.ts';
import { invalidArgument, s3Error } from '../codes.ts';

const HEADER = 'x-amz-replication-status';
const REPLICA = 'REPLICA';

export function pushReplication(pairs: HeaderPairs, row: Pick<VersionRow, 'replication'>): void {
  if (row.replication !== undefined) pairs.push([HEADER, row.replication.status.toUpperCase()]);
}

/**
 * Whether the request says that it brings a replica (decision 0023): such a version is not
 * replicated on. Only the bucket's own account may say so, since it hides versions from its rules.
 */
export function bringsReplica(call: Call): boolean {
  const value = call.headers.get(HEADER);
  if (value === undefined) return false;
  if (value !== REPLICA) {
    throw invalidArgument(HEADER, value, 'Only the status REPLICA can be given to an object.');
  }
  const { account } = bucketRowOf(call);
  if (!isOwnerOf(call.context.principal, account)) throw s3Error('AccessDenied');
  return true;
}

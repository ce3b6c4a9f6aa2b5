/** POST of an account: changes its metadata, and makes it if nobody did yet. */
import type { HttpReply } from '../../http/exchange.ts';
import { readAccountAclChange, visibleMetadata } from '../access/privileged.ts';
import type { AccountCall } from '../call.ts';
import { readEtagPatch } from '../filters/etag-quoter.ts';
import { readMetadataPatch } from '../metadata.ts';
import { statusReply } from '../reply.ts';
import { isLegacyQuota, readQuotaPatch } from './quota.ts';

export async function postAccount(call: AccountCall): Promise<HttpReply> {
  const { core } = call.door;
  const patch = readMetadataPatch(call.headers, 'account');
  const quotas = readQuotaPatch(call);
  const metadata = Object.fromEntries(
    Object.entries(patch).filter(([name]) => !isLegacyQuota(name)),
  );
  await core.updateAccount(call.context, call.account, visibleMetadata(call, metadata), {
    ...quotas,
    ...readEtagPatch(call.headers, 'account'),
    ...readAccountAclChange(call),
  });
  return statusReply(204);
}

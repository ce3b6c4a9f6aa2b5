/** Refuses what a quota will refuse before its bytes are read; the commit decides for good. */
import type { RequestContext } from '../request.ts';
import type { ResolvedContainer } from '../container/find.ts';
import { accountIdOf } from '../ids.ts';
import { ownBytes, type VersionRow } from '../model.ts';
import type { Services } from '../services.ts';
import { accountExceeded, bytesLeft, exceededBy } from './account-quota.ts';
import type { AccountQuota } from './account-limits.ts';
import { type Quota, quotaExceeded, quotaOf } from './quota.ts';

/** Bytes that may be added to an object that is there; undefined: as many as any. */
export async function roomToAppend(
  services: Services,
  container: ResolvedContainer,
): Promise<number | undefined> {
  const { containerId, row } = container;
  const bytes = quotaOf(row.settings)?.bytes;
  if (bytes === undefined) return undefined;
  const usage = await services.rows.usage(containerId);
  return Math.max(0, bytes - usage.versionBytes);
}

/** Bytes that a new version of the key may have; undefined: as many as any. Throws `quota-exceeded` where not even an empty one fits. */
export async function roomFor(
  services: Services,
  ctx: RequestContext,
  place: { readonly container: ResolvedContainer; readonly key: string },
): Promise<number | undefined> {
  const { container, key } = place;
  const { containerId, row } = container;
  const quota = quotaOf(row.settings);
  const isFree = ctx.principal.role === 'reseller';
  const ofAccount = isFree
    ? undefined
    : (await services.knownAccounts.of(services, row.account)).quota;
  if (quota === undefined && ofAccount === undefined) return undefined;
  const current = await services.rows.get('current', { containerId, key });
  const left = Math.min(
    quota === undefined ? Infinity : await leftInContainer(services, container, quota, current),
    ofAccount === undefined ? Infinity : await leftInAccount(services, row, ofAccount, current),
  );
  if (left === Infinity) return undefined;
  // A version that has a name stays beside the new one.
  const replaced = current?.isNull === true && row.versioning !== 'enabled' ? ownBytes(current) : 0;
  return Math.max(replaced, left + replaced);
}

async function leftInContainer(
  services: Services,
  { containerId }: ResolvedContainer,
  quota: Quota,
  current: VersionRow | undefined,
): Promise<number> {
  const usage = await services.rows.usage(containerId);
  const { bytes, objects } = quota;
  if (objects !== undefined && current === undefined && usage.objects >= objects) {
    throw quotaExceeded('object.put', { quota: 'container-objects' });
  }
  return bytes === undefined ? Infinity : bytes - usage.versionBytes;
}

async function leftInAccount(
  services: Services,
  { account, policy }: ResolvedContainer['row'],
  quota: AccountQuota,
  current: VersionRow | undefined,
): Promise<number> {
  const usage = await services.rows.accountUsage(accountIdOf(account));
  const growth = { bytes: 0, objects: current === undefined ? 1 : 0 };
  const exceeded = exceededBy(quota, usage, policy, growth);
  if (exceeded !== undefined) throw accountExceeded(exceeded);
  return bytesLeft(quota, usage, policy);
}

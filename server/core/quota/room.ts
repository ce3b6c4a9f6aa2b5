/** Refuses what a quota will refuse before its bytes are read; the commit decides for good. */
import type { ResolvedContainer } from '../container/find.ts';
import { noUsage } from '../container/info.ts';
import { visibleObject } from '../decide/condition.ts';
import { ownBytes } from '../model.ts';
import type { Services } from '../services.ts';
import { quotaExceeded, quotaOf } from './quota.ts';

/** Bytes that a new version of the key may have; undefined: as many as any. Throws `quota-exceeded` where not even an empty one fits. */
export async function roomFor(
  services: Services,
  container: ResolvedContainer,
  key: string,
): Promise<number | undefined> {
  const { containerId, row } = container;
  const quota = quotaOf(row.settings);
  if (quota === undefined) return undefined;
  const { rows, clock } = services;
  const [usage = noUsage, current] = await Promise.all([
    rows.get('usage', { containerId }),
    rows.get('current', { containerId, key }),
  ]);
  const { bytes, objects } = quota;
  const isNew = visibleObject(current, clock.now()) === undefined;
  if (objects !== undefined && isNew && usage.objects >= objects) {
    throw quotaExceeded('object.put', { quota: 'container-objects' });
  }
  if (bytes === undefined) return undefined;
  // A version that has a name stays beside the new one.
  const replaced = current?.isNull === true && row.versioning !== 'enabled' ? ownBytes(current) : 0;
  return Math.max(replaced, bytes - usage.versionBytes + replaced);
}

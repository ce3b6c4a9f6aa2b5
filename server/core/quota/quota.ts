/** Bounds on what a container may hold. Enforced where it counts, by the commit (decision 0026). */
import { StoreError } from '../../../base/errors.ts';
import type { Metadata, UsageRow } from '../model.ts';

export interface Quota {
  /** Of all versions, static large objects counting with their manifests. */
  readonly bytes?: number | undefined;
  /** Current objects. */
  readonly objects?: number | undefined;
}

/** A client's own settings of a container: Swift's X-Container-Meta-Quota-Bytes and -Count. */
export const quotaSettings = { bytes: 'meta:quota-bytes', objects: 'meta:quota-count' } as const;

/** undefined: there is none. What is no number bounds nothing: doors refuse it when it is set. */
export function quotaOf(settings: Metadata): Quota | undefined {
  const bytes = numberOf(settings[quotaSettings.bytes]);
  const objects = numberOf(settings[quotaSettings.objects]);
  return bytes === undefined && objects === undefined ? undefined : { bytes, objects };
}

export function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

export function quotaExceeded(op: string, detail: { readonly quota: string }): StoreError {
  return new StoreError('quota-exceeded', op, 'Upload exceeds quota.', { detail });
}

/** Throws `quota-exceeded` when a commit makes the container grow beyond its quota. One that is over it already may shrink, and stay as it is. */
export function checkGrowth(
  quota: Quota,
  before: Pick<UsageRow, 'versionBytes' | 'objects'>,
  after: Pick<UsageRow, 'versionBytes' | 'objects'>,
): void {
  const op = 'decide';
  if (isBeyond(quota.bytes, before.versionBytes, after.versionBytes)) {
    throw quotaExceeded(op, { quota: 'container-bytes' });
  }
  if (isBeyond(quota.objects, before.objects, after.objects)) {
    throw quotaExceeded(op, { quota: 'container-objects' });
  }
}

function isBeyond(limit: number | undefined, before: number, after: number): boolean {
  return limit !== undefined && after > limit && after > before;
}

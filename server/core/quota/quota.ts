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

/** What is held, as quotas count it. */
export interface Sums {
  /** Of all versions. */
  readonly bytes: number;
  /** Current ones. */
  readonly objects: number;
}

/** What a write adds to them; negative where it takes away. */
export type Growth = Sums;

export function sumsOf({
  versionBytes: bytes,
  objects,
}: Pick<UsageRow, 'versionBytes' | 'objects'>): Sums {
  return { bytes, objects };
}

/** Which bound the sums would exceed with the growth; undefined: none. What is over it already may shrink, and stay as it is. */
export function exceededOf(quota: Quota, sums: Sums, growth: Growth): keyof Quota | undefined {
  const { bytes = Infinity, objects = Infinity } = quota;
  if (growth.bytes > 0 && sums.bytes + growth.bytes > bytes) return 'bytes';
  return growth.objects > 0 && sums.objects + growth.objects > objects ? 'objects' : undefined;
}

/** Throws `quota-exceeded` when the growth makes a container exceed its quota. */
export function checkGrowth(quota: Quota, sums: Sums, growth: Growth): void {
  const exceeded = exceededOf(quota, sums, growth);
  if (exceeded !== undefined) throw quotaExceeded('decide', { quota: `container-${exceeded}` });
}

/** The sums of one piece of a container say nothing: what it grows by was looked at together with those of the others, or is refused (`conflict`, detail `unreserved`). */
export function checkReserved(
  { bytes = Infinity, objects = Infinity }: Quota,
  growth: Growth,
  allowance: { readonly isOfContainer?: true } | undefined,
): void {
  if (allowance?.isOfContainer === true) return;
  const grows =
    (growth.bytes > 0 && bytes < Infinity) || (growth.objects > 0 && objects < Infinity);
  if (!grows) return;
  throw new StoreError('conflict', 'decide', 'the container lies in pieces, and has a quota', {
    detail: { unreserved: true },
  });
}

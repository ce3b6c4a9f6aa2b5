import type { UsageRow } from '../model.ts';

/** The sums of a container that never held anything. */
export const noUsage: UsageRow = {
  objects: 0,
  bytes: 0,
  versions: 0,
  versionBytes: 0,
  uploads: 0,
};

export function addUsage(a: UsageRow, b: UsageRow): UsageRow {
  return {
    objects: a.objects + b.objects,
    bytes: a.bytes + b.bytes,
    versions: a.versions + b.versions,
    versionBytes: a.versionBytes + b.versionBytes,
    uploads: a.uploads + b.uploads,
  };
}

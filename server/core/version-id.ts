import { StoreError } from '../../base/errors.ts';
import { type Micros, micros } from '../../base/units.ts';

/** The stamp that a version id names, or `null`. StoreError `invalid-argument` for anything that is not a version id. */
export function parseVersionId(versionId: string, op: string): Micros | 'null' {
  if (versionId === 'null') return 'null';
  if (/^00[01][0-9a-f]{13}$/.test(versionId)) return micros(Number.parseInt(versionId, 16));
  throw new StoreError('invalid-argument', op, 'that is not a version id', {
    detail: { argument: 'versionId', value: versionId.slice(0, 64) },
  });
}

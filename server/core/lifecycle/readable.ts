import { StoreError } from '../../../base/errors.ts';
import type { BodyRef, Restore, VersionRow } from '../model.ts';
import type { Services } from '../services.ts';

/** The copy that makes an archived version readable, while its time lasts. */
function readableCopy(
  row: VersionRow,
  nowMillis: number,
): Extract<Restore, { state: 'done' }> | undefined {
  const { restore } = row;
  return restore?.state === 'done' && restore.until > nowMillis ? restore : undefined;
}

export function isArchived(services: Services, row: VersionRow): boolean {
  if (row.storageClass === undefined) return false;
  const found = services.storageClasses.find((one) => one.name === row.storageClass);
  return found?.isArchive === true;
}

/** Where the bytes are read from. Throws `invalid-state` (detail `storageClass`) for an archived version that is not restored. */
export function readableBody(services: Services, row: VersionRow): BodyRef {
  if (!isArchived(services, row)) return row.body;
  const copy = readableCopy(row, services.clock.now());
  if (copy !== undefined) return copy.body ?? row.body;
  throw new StoreError(
    'invalid-state',
    'object.read',
    "The operation is not valid for the object's storage class",
    { detail: { storageClass: row.storageClass ?? '' } },
  );
}

import { isStoreError } from '../../../base/errors.ts';
import type { GetObject, ObjectReader } from '../../core/api.ts';
import { type Call, objectOf } from '../call.ts';
import { s3Error } from '../codes.ts';
import { parseVersionId } from './version-id.ts';

/** The version whose sub-resource a request names; a delete marker has none. Tags and the like tell nothing of the bytes: by default no key is needed, and a link has its own. */
export async function openRow(
  call: Call,
  how: Pick<GetObject, 'rowOnly' | 'customerKey' | 'links'> = { rowOnly: true, links: 'keep' },
): Promise<ObjectReader> {
  const versionId = parseVersionId(call.query.get('versionId'));
  const { core } = call.door;
  return asMarkerError(versionId, () =>
    core.openObject(call.context, {
      ...objectOf(call),
      versionId,
      condition: {},
      metadataOnly: true,
      ...how,
    }),
  );
}

/** A delete marker is no object, and addressed by its id it has no sub-resources. */
export async function asMarkerError<T>(
  versionId: string | undefined,
  use: () => Promise<T>,
): Promise<T> {
  try {
    return await use();
  } catch (error) {
    if (!isStoreError(error, 'is-delete-marker')) throw error;
    const shown = { DeleteMarkerVersion: versionId ?? String(error.detail['version'] ?? 'null') };
    if (versionId === undefined) throw s3Error('NoSuchKey', undefined, shown);
    throw s3Error('MethodNotAllowed', undefined, { ...shown, Allow: 'DELETE' });
  }
}

/** A version with its own bytes, whatever they mean. */
import { StoreError } from '../../../base/errors.ts';
import type { GetObject, ObjectReader, PartView } from '../api.ts';
import type { RequestContext } from '../request.ts';
import type { ResolvedContainer } from '../container/find.ts';
import { checkCustomerKey, type ObjectKey, unwrapObjectKey } from '../encryption/object-key.ts';
import { noSuchPart } from '../large/large-object.ts';
import { type Id, ownBytes, type VersionRow } from '../model.ts';
import type { Services } from '../services.ts';
import { listObjectParts } from './list-object-parts.ts';
import { type Located, locateVersion } from './locate.ts';
import { countParts, nthPart } from './read-body.ts';
import { readWherever } from '../lifecycle/read-wherever.ts';

export async function openOwn(
  services: Services,
  ctx: RequestContext,
  found: ResolvedContainer,
  command: GetObject,
): Promise<{ readonly reader: ObjectReader; readonly unlock: Unlock }> {
  const { key, versionId, metadataOnly, allowExpired } = command;
  const { containerId, row: container } = found;
  const hasHistory = container.versioning !== 'off';
  const locate = (withBody: boolean): Promise<Located> =>
    locateVersion(services, { containerId, key, versionId, hasHistory, withBody, allowExpired });
  const located = await locate(metadataOnly !== true);
  const { row } = located;
  const unlock = unlockerOf(services, ctx, { containerId, row, command });
  const read = async function* (start: number, end: number): AsyncGenerator<Uint8Array> {
    let { inline } = located;
    if (row.body.type === 'inline' && inline === undefined) {
      const again = await locate(true);
      // Without a version id it may have been replaced meanwhile; then these are not its bytes.
      if (again.row.version !== row.version) {
        throw new StoreError('conflict', 'object.read', 'the object was replaced meanwhile');
      }
      inline = again.inline;
    }
    const source = { size: ownBytes(row), inline, objectKey: await unlock() };
    yield* readWherever(services, { containerId, key, row, source }, { start, end });
  };
  const parts: ObjectReader['parts'] = (after, limit) =>
    listObjectParts(services, { containerId, key, row }, { after, limit });
  const view: ObjectReader['viewPart'] = (partNumber) =>
    viewPart(services, { containerId, key, row }, partNumber);
  const reader: ObjectReader = {
    ...{ row, container, large: undefined, hasLength: true, part: undefined },
    ...{ read, parts, viewPart: view },
  };
  return { reader, unlock };
}

type Unlock = () => Promise<ObjectKey | undefined>;

/** Finds the object's key when it is first called, and gives it again later; undefined: the object is plain. */
function unlockerOf(
  services: Services,
  ctx: RequestContext,
  what: { readonly containerId: Id; readonly row: VersionRow; readonly command: GetObject },
): Unlock {
  const { containerId, row, command } = what;
  const { encryption } = row;
  const { customerKey } = command;
  const op = 'object.open';
  let objectKey: ObjectKey | undefined;
  return async () => {
    checkCustomerKey(encryption, customerKey, op);
    if (encryption === undefined || objectKey !== undefined) return objectKey;
    objectKey = await unwrapObjectKey(services, ctx, { encryption, containerId, customerKey, op });
    return objectKey;
  };
}

async function viewPart(
  services: Services,
  of: { readonly containerId: Id; readonly key: string; readonly row: VersionRow },
  partNumber: number,
): Promise<PartView> {
  const { row, containerId, key } = of;
  const { body, size } = row;
  if (body.type !== 'parts') {
    if (partNumber !== 1) throw noSuchPart(partNumber, 1, size);
    const { checksums } = row;
    return { partNumber, partsCount: undefined, start: 0, end: size, checksums };
  }
  const { runs, uploadId } = body;
  const partsCount = countParts(runs);
  // Parts of an object are counted, whatever numbers they were uploaded under.
  const found = nthPart(runs, partNumber);
  if (found === undefined) throw noSuchPart(partNumber, partsCount, size);
  const { start, end } = found;
  const at = { containerId, key, uploadId, partNumber: found.partNumber };
  const part = await services.rows.get('part', at);
  return { partNumber, partsCount, start, end, checksums: part?.checksums ?? [] };
}

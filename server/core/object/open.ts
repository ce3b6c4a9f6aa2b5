import { StoreError } from '../../../base/errors.ts';
import type { GetObject, ObjectReader, PartView, RequestContext } from '../api.ts';
import { resolveContainer } from '../container/resolve.ts';
import { checkCustomerKey, type ObjectKey, unwrapObjectKey } from '../encryption/object-key.ts';
import type { Id, VersionRow } from '../model.ts';
import type { Services } from '../services.ts';
import { checkReadCondition } from './condition.ts';
import { checkTrail, followLink, isFollowed, type LinkTrail } from './links.ts';
import { listObjectParts } from './list-object-parts.ts';
import { locateVersion } from './locate.ts';
import { partSpan, readSource } from './read-body.ts';

export async function openObject(
  services: Services,
  ctx: RequestContext,
  command: GetObject,
  trail?: LinkTrail,
): Promise<ObjectReader> {
  const { key, versionId, partNumber, metadataOnly } = command;
  const action = versionId === undefined ? 'object.read' : 'object.read-version';
  const found = await resolveContainer(services, ctx, { address: command, action });
  const { containerId, row: container } = found;
  const hasHistory = container.versioning !== 'off';
  const located = await locateVersion(services, {
    ...{ containerId, key, versionId, hasHistory },
    withBody: metadataOnly !== true,
  });
  const { row } = located;
  checkTrail(trail, row);
  if (isFollowed(command, row)) {
    return followLink(services, ctx, { command, found, row, trail, open: openObject });
  }
  const unlock = unlockerOf(services, ctx, { containerId, row, command });
  // A customer's key is judged whatever is asked of the object; the others where bytes are.
  if (row.encryption?.by === 'customer' || command.customerKey !== undefined) await unlock();
  checkReadCondition(command.condition, row);
  if (metadataOnly !== true) await unlock();
  const part =
    partNumber === undefined
      ? undefined
      : await viewPart(services, { containerId, key, row }, partNumber);
  const read = async function* (start: number, end: number): AsyncGenerator<Uint8Array> {
    let { inline } = located;
    if (row.body.type === 'inline' && inline === undefined) {
      const again = await locateVersion(services, {
        ...{ containerId, key, versionId, hasHistory },
        withBody: true,
      });
      // Without a version id it may have been replaced meanwhile; then these are not its bytes.
      if (again.row.version !== row.version) {
        throw new StoreError('conflict', 'object.read', 'the object was replaced meanwhile');
      }
      inline = again.inline;
    }
    const source = { body: row.body, size: row.size, inline, objectKey: await unlock() };
    yield* readSource(services, { containerId, key, ...source }, { start, end });
  };
  const parts: ObjectReader['parts'] = (after, limit) =>
    listObjectParts(services, { containerId, key, row }, { after, limit });
  return { row, container, part, read, parts };
}

/** Finds the object's key when it is first called, and gives it again later; undefined: the object is plain. */
function unlockerOf(
  services: Services,
  ctx: RequestContext,
  what: { readonly containerId: Id; readonly row: VersionRow; readonly command: GetObject },
): () => Promise<ObjectKey | undefined> {
  const { containerId, row, command } = what;
  const { encryption } = row;
  const { customerKey, rowOnly } = command;
  const op = 'object.open';
  let objectKey: ObjectKey | undefined;
  return async () => {
    if (rowOnly === true) return undefined;
    checkCustomerKey(encryption, customerKey, op);
    if (encryption === undefined || objectKey !== undefined) return objectKey;
    objectKey = await unwrapObjectKey(services, ctx, { encryption, containerId, customerKey, op });
    return objectKey;
  };
}

async function viewPart(
  services: Services,
  at: { readonly containerId: Id; readonly key: string; readonly row: VersionRow },
  partNumber: number,
): Promise<PartView> {
  const { row, containerId, key } = at;
  const { body } = row;
  if (body.type !== 'parts') {
    if (partNumber !== 1) throw noSuchPart(partNumber, 1);
    const { checksums, size } = row;
    return { partNumber, partsCount: undefined, start: 0, end: size, checksums };
  }
  const span = partSpan(body.runs, partNumber);
  if (span === undefined) {
    const count = body.runs.reduce((sum, run) => sum + run.count, 0);
    throw noSuchPart(partNumber, count);
  }
  const { uploadId } = body;
  const part = await services.rows.get('part', { containerId, key, uploadId, partNumber });
  const { start, end, count } = span;
  return { partNumber, partsCount: count, start, end, checksums: part?.checksums ?? [] };
}

function noSuchPart(partNumber: number, count: number): StoreError {
  return new StoreError('range-not-satisfiable', 'object.open', 'there is no such part', {
    detail: { partNumber, partsCount: count },
  });
}

import { StoreError } from '../../../../base/errors.ts';
import type { AppendObject } from '../../api.ts';
import type { RequestContext } from '../../request.ts';
import type { PutOutcome } from '../../commands.ts';
import type { ResolvedContainer } from '../../container/find.ts';
import { resolveContainer } from '../../container/resolve.ts';
import { checkAppendable, checkOffset } from '../../decide/edit/append.ts';
import { checkWriteCondition, visibleObject } from '../../decide/condition.ts';
import { isCrc } from '../../digest/crc-combine.ts';
import { checkCustomerKey, type ObjectKey, unwrapObjectKey } from '../../encryption/object-key.ts';
import { causeOf, wakeFeeds } from '../../feed/cause.ts';
import { newId } from '../../ids.ts';
import { isArchived } from '../../lifecycle/readable.ts';
import type { VersionRow } from '../../model.ts';
import { roomToAppend } from '../../quota/room.ts';
import { executeWrite } from '../../quota/write.ts';
import type { Services } from '../../services.ts';
import { ingestBody } from '../ingest.ts';
import { discardRefused, putObject, targetOf } from '../put.ts';

const OP = 'object.append';

/** The first append makes the object, as PUT does unless somebody was faster. */
export async function appendObject(
  services: Services,
  ctx: RequestContext,
  command: AppendObject,
): Promise<PutOutcome> {
  const { key, offset, condition } = command;
  const found = await resolveContainer(services, ctx, { address: command, action: 'object.write' });
  const row = await services.rows.get('current', { containerId: found.containerId, key });
  const old = visibleObject(row, services.clock.now());
  checkAppendable(found.row.versioning, old);
  checkOffset(old, offset);
  if (old !== undefined) return appendTo(services, ctx, { command, found, old });
  return putObject(services, ctx, {
    ...command,
    condition: { ...condition, ifNoneMatch: '*' },
  });
}

async function appendTo(
  services: Services,
  ctx: RequestContext,
  what: {
    readonly command: AppendObject;
    readonly found: ResolvedContainer;
    readonly old: VersionRow;
  },
): Promise<PutOutcome> {
  const { command, found, old } = what;
  const { key, offset, condition } = command;
  const { containerId } = found;
  checkWriteCondition(condition, old, OP);
  if (isArchived(services, old)) throw archived(old);
  const objectKey = await unlock(services, ctx, what);
  // What the object has is carried on.
  const own = old.checksums.map(({ algorithm }) => algorithm).filter(isCrc);
  const checksums = [...new Set([...(command.body.checksums ?? []), ...own])];
  const ingested = await ingestBody(services, ctx, {
    body: { ...command.body, checksums },
    target: targetOf(services, found, { key, storageClass: old.storageClass }),
    objectKey,
    room: await roomToAppend(services, found),
  });
  const { body, inline, size, etag } = ingested;
  try {
    const about = { container: found, bytes: () => size };
    const outcome = await executeWrite(services, ctx, about, {
      type: 'object.append',
      containerId,
      key,
      uploadId: newId(services.random),
      offset,
      seen: { version: old.version, etag: old.etag },
      part: { size, etag, checksums: ingested.checksums, body },
      ...(inline === undefined ? {} : { inline }),
      maxParts: services.limits.maxParts,
      condition,
      ...causeOf(ctx, found.row, command.event),
    });
    wakeFeeds(services, found.row);
    return outcome;
  } catch (error) {
    discardRefused(services, body, error);
    throw error;
  }
}

/** Also where a readable copy is there: that would not be lengthened. */
function archived(row: VersionRow): StoreError {
  return new StoreError('invalid-state', OP, 'an archived object takes no appended bytes', {
    detail: { storageClass: row.storageClass ?? '' },
  });
}

/** All bytes of an object are sealed under its one key. */
async function unlock(
  services: Services,
  ctx: RequestContext,
  what: {
    readonly command: AppendObject;
    readonly found: ResolvedContainer;
    readonly old: VersionRow;
  },
): Promise<ObjectKey | undefined> {
  const { encryption } = what.old;
  const wish = what.command.encryption;
  const customerKey = wish?.by === 'customer' ? wish.customerKey : undefined;
  if (encryption === undefined) {
    checkCustomerKey(encryption, customerKey, OP);
    return undefined;
  }
  const { containerId } = what.found;
  return unwrapObjectKey(services, ctx, { encryption, containerId, customerKey, op: OP });
}

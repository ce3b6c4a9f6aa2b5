import { type ErrorKind, isStoreError } from '../../../base/errors.ts';
import type { PutObject } from '../api.ts';
import type { RequestContext } from '../request.ts';
import type { PutOutcome, WriteCondition } from '../commands.ts';
import type { ResolvedContainer } from '../container/find.ts';
import { resolveContainer } from '../container/resolve.ts';
import { checkWriteCondition, hasWriteCondition, visibleObject } from '../decide/condition.ts';
import { checkNewLock } from '../decide/lock.ts';
import { protect } from '../encryption/protect.ts';
import { causeOf, wakeFeeds } from '../feed/cause.ts';
import { checkKey } from '../limits.ts';
import type { BodyRef } from '../model.ts';
import type { BodyTarget } from '../ports.ts';
import { roomFor } from '../quota/room.ts';
import { executeWrite } from '../quota/write.ts';
import type { Services } from '../services.ts';
import { checkStorageClass, policyFor } from '../storage-classes.ts';
import { ingestBody } from './ingest.ts';

/** Fails before the body is read where the condition already cannot hold; the commit decides for good. */
export async function checkEarly(
  services: Services,
  at: { readonly containerId: string; readonly key: string },
  condition: WriteCondition,
): Promise<void> {
  if (!hasWriteCondition(condition)) return;
  const row = await services.rows.get('current', at);
  checkWriteCondition(condition, visibleObject(row, services.clock.now()), 'object.put');
}

export async function putObject(
  services: Services,
  ctx: RequestContext,
  command: PutObject,
): Promise<PutOutcome> {
  const { key, condition, lock, storageClass } = command;
  const found = await resolveContainer(services, ctx, { address: command, action: 'object.write' });
  checkKey(services.limits, key, 'object.put');
  checkNewLock(found.row, lock, { nowMillis: services.clock.now(), op: 'object.put' });
  await checkEarly(services, { containerId: found.containerId, key }, condition);
  const { encryption: wish } = command;
  const protection = await protect(services, ctx, { container: found, key, wish });
  checkStorageClass(services, storageClass, 'object.put');
  const target = targetOf(services, found, { key, storageClass });
  const { objectKey, encryption } = protection ?? {};
  const room = await roomFor(services, ctx, { container: found, key });
  const ingested = await ingestBody(services, ctx, { body: command.body, target, objectKey, room });
  const { body, inline, size, etag, checksums } = ingested;
  const { contentType, system, user, expiresAt } = command;
  try {
    const about = { container: found, bytes: () => size };
    const outcome = await executeWrite(services, ctx, about, {
      type: 'object.put',
      containerId: found.containerId,
      key,
      object: {
        ...{ size, etag, contentType, system, user, checksums, body, encryption, expiresAt },
        lock,
        storageClass,
        ...(command.isReplica === true ? asReplica : {}),
      },
      ...(inline === undefined ? {} : { inline }),
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

const asReplica = { replication: { status: 'replica' } } as const;

/** What decisions throw: nothing was committed. Any other error may come after a commit that did happen. */
const refusals: ReadonlySet<ErrorKind> = new Set<ErrorKind>([
  'invalid-argument',
  'no-such-container',
  'no-such-object',
  'no-such-version',
  'no-such-upload',
  'precondition-failed',
  'quota-exceeded',
  'access-denied',
]);

/** Bytes of a commit that was refused go at once. Where the outcome is unknown (a lost primary, a lost lease) they stay, and the sweeper judges: discarding them could cut the body off a committed row. */
export function discardRefused(services: Services, body: BodyRef, error: unknown): void {
  if (body.type !== 'stored' || !isStoreError(error)) return;
  if (refusals.has(error.kind)) services.bodies.discard(body.stored);
}

export function targetOf(
  services: Services,
  found: ResolvedContainer,
  of: { readonly key: string; readonly storageClass: string | undefined },
): BodyTarget {
  const { containerId, row } = found;
  const policy = policyFor(services, row, of.storageClass);
  return { account: row.account, container: row.name, containerId, key: of.key, policy };
}

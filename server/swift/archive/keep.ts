/** What a PUT and a DELETE do where a container names another one for the old states of its objects. */
import { isStoreError, StoreError } from '../../../base/errors.ts';
import { type Micros, micros } from '../../../base/units.ts';
import { type Action, isReading } from '../../core/access/actions.ts';
import type { ObjectAddress, RequestContext } from '../../core/request.ts';
import type { VersionRow } from '../../core/model.ts';
import type { HttpReply } from '../../http/exchange.ts';
import type { ObjectCall } from '../call.ts';
import { Refusal, statusReply } from '../reply.ts';
import { formatTimestamp } from '../timestamps.ts';
import { refuseConditions, refuseIfExpiry } from '../unsupported.ts';
import { markerType } from '../versions/version-id.ts';
import { type Archive, archiveOf } from './location.ts';

type Address = ObjectAddress & { readonly account: string };

/** Names of one listing page: the newest copy is nearly always the first. */
const PAGE = 100;

/** Before the object at `target` is replaced. */
export async function keepReplaced(call: ObjectCall, target: Address): Promise<void> {
  const archive = await findArchive(call, target, 'object.write');
  if (archive !== undefined) await keepCurrent(call, target, archive);
}

/** Undefined: the container keeps no copies, and the DELETE goes on as any other. */
export async function deleteKept(call: ObjectCall): Promise<HttpReply | undefined> {
  const { account, container, key } = call;
  const at = { account, container, key };
  const archive = await findArchive(call, at, 'object.delete');
  if (archive === undefined) return undefined;
  refuseConditions(call.headers);
  refuseIfExpiry(call.headers);
  if (archive.mode === 'stack') return popCurrent(call, at, archive);
  const kept = await keepCurrent(call, at, archive);
  await putMarker(call, at, archive, kept);
  return deleteAt(call, at);
}

/** Nothing is copied for somebody who may not do what he asked for: the target of a COPY was not asked about yet. */
async function findArchive(
  call: ObjectCall,
  at: Address,
  action: Action,
): Promise<Archive | undefined> {
  const { context } = call;
  const demand = { address: at, actions: [action] };
  const { permit } = isPermitted(context, at)
    ? context
    : await call.door.core.authorise(context, demand);
  return permit?.found === undefined ? undefined : archiveOf(permit.found.row);
}

function isPermitted({ permit }: RequestContext, at: Address): boolean {
  if (permit?.account !== at.account || permit.container !== at.container) return false;
  return permit.key === at.key && permit.actions.some((action) => !isReading(action));
}

/** Copies are made and restored for whoever may write the object, also where he may not read it, as in Swift. */
function asOwner({ context, principal, account }: ObjectCall): RequestContext {
  const { permit: _ofRequest, ...rest } = context;
  return { ...rest, principal: { type: 'user', account, user: principal.user, role: 'owner' } };
}

/** Byte length in hex, then the name: no object's copies have a prefix that another's begin with. */
function prefixOf(key: string): string {
  return `${Buffer.byteLength(key).toString(16).padStart(3, '0')}${key}/`;
}

/** Gives the stamp of what was kept; undefined: there was nothing. */
async function keepCurrent(
  call: ObjectCall,
  at: Address,
  archive: Archive,
): Promise<Micros | undefined> {
  try {
    const context = asOwner(call);
    const source = await call.door.core.openObject(context, { ...at, ...plainly });
    const stamp = source.row.modifiedAt;
    const key = prefixOf(at.key) + formatTimestamp(stamp);
    await copyAs(call, at, { account: at.account, container: archive.container, key });
    return stamp;
  } catch (error) {
    if (isStoreError(error, 'no-such-object') || isStoreError(error, 'is-delete-marker')) {
      return undefined;
    }
    throw unkept(error);
  }
}

const plainly = {
  condition: {},
  links: 'keep',
  asManifest: true,
  metadataOnly: true,
  rowOnly: true,
} as const;

/** As it is: a link as a link, a manifest as a manifest. */
function copyAs(call: ObjectCall, source: Address, target: Address): Promise<unknown> {
  return call.door.core.copyObject(asOwner(call), {
    source: { ...source, links: 'keep', asManifest: true },
    target,
    sourceCondition: {},
    condition: {},
    describe: ({ contentType, system, user, expiresAt }: VersionRow) => ({
      ...{ contentType, system, user, expiresAt },
    }),
  });
}

/** What cannot be kept must not be replaced: the archive is missing or refuses (412), or does not answer (503). */
function unkept(error: unknown): unknown {
  if (!isStoreError(error)) return error;
  if (error.kind === 'too-large') return error;
  const isTheirs = ['no-such-container', 'access-denied', 'name-too-long', 'invalid-argument'];
  if (isTheirs.includes(error.kind)) return new Refusal(statusReply(412));
  return new StoreError('unavailable', 'swift.archive', 'the object could not be kept', {
    cause: error,
  });
}

async function putMarker(
  call: ObjectCall,
  at: Address,
  archive: Archive,
  kept: Micros | undefined,
): Promise<void> {
  const { core, clock } = call.door;
  // Later than the copy of what is deleted: a name tells tens of microseconds apart.
  const now = Math.max(Math.floor(clock.now() * 1000), (kept ?? 0) + 10);
  const key = prefixOf(at.key) + formatTimestamp(micros(now));
  try {
    await core.putObject(asOwner(call), {
      ...{ account: at.account, container: archive.container, key },
      body: { chunks: noChunks(), size: 0 },
      ...{ contentType: markerType, system: {}, user: {}, condition: {} },
    });
  } catch (error) {
    throw unkept(error);
  }
}

async function* noChunks(): AsyncGenerator<Uint8Array> {}

/** DELETE of a stack: the newest copy comes back in place of what is deleted. */
async function popCurrent(call: ObjectCall, at: Address, archive: Archive): Promise<HttpReply> {
  const copies = walkCopies(call, at, archive);
  for await (const copy of copies) {
    const from = { account: at.account, container: archive.container, key: copy.key };
    if (copy.row.contentType !== markerType) {
      if (!(await restore(call, from, at))) continue;
      return deleteAt(call, from);
    }
    // A marker that history mode left. Over an object it only says what is below.
    if (await exists(call, at)) return deleteAt(call, at);
    for await (const older of copies) {
      if (older.row.contentType === markerType) break;
      const source = { ...from, key: older.key };
      if (!(await restore(call, source, at))) continue;
      await deleteAt(call, source);
      break;
    }
    return deleteAt(call, from);
  }
  return deleteAt(call, at);
}

interface Copy {
  readonly key: string;
  readonly row: VersionRow;
}

/** The copies of one object, newest first. */
async function* walkCopies(call: ObjectCall, at: Address, archive: Archive): AsyncGenerator<Copy> {
  const address = { account: at.account, container: archive.container };
  const limit = Math.min(PAGE, call.door.core.limits.maxPageItems);
  let before: string | undefined;
  for (;;) {
    const query = { prefix: prefixOf(at.key), delimiter: '', after: undefined, before };
    const bounds = { ...query, reverse: true, limit };
    const page = await listCopies(call, address, bounds);
    for (const item of page?.items ?? []) {
      if (item.type === 'row') yield { key: item.name, row: item.row };
    }
    before = page?.items.at(-1)?.name;
    if (page?.truncated !== true || before === undefined) return;
  }
}

type List = ObjectCall['door']['core']['listObjects'];

async function listCopies(
  call: ObjectCall,
  address: Parameters<List>[1],
  query: Parameters<List>[2],
): Promise<Awaited<ReturnType<List>>['page'] | undefined> {
  try {
    return (await call.door.core.listObjects(asOwner(call), address, query)).page;
  } catch (error) {
    if (isStoreError(error, 'no-such-container')) return undefined;
    throw error;
  }
}

/** False: the copy is gone. */
async function restore(call: ObjectCall, from: Address, to: Address): Promise<boolean> {
  try {
    await copyAs(call, from, to);
    return true;
  } catch (error) {
    if (isStoreError(error, 'no-such-object')) return false;
    throw unkept(error);
  }
}

async function exists(call: ObjectCall, at: Address): Promise<boolean> {
  try {
    await call.door.core.openObject(asOwner(call), { ...at, ...plainly });
    return true;
  } catch (error) {
    if (isStoreError(error, 'no-such-object') || isStoreError(error, 'is-delete-marker')) {
      return false;
    }
    throw error;
  }
}

async function deleteAt(call: ObjectCall, at: Address): Promise<HttpReply> {
  const command = { ...at, leavesGap: true, condition: {} };
  const { deleted } = await call.door.core.deleteObject(asOwner(call), command);
  return statusReply(deleted === undefined ? 404 : 204);
}

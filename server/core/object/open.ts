import { concatBytes } from '../../../base/bytes.ts';
import type { GetObject, ObjectReader } from '../api.ts';
import type { RequestContext } from '../request.ts';
import { listObjects } from '../container/list-objects.ts';
import type { ResolvedContainer } from '../container/find.ts';
import { resolveContainer } from '../container/resolve.ts';
import { isDynamic, openDynamic } from '../large/dynamic.ts';
import {
  changed,
  type LargeObject,
  maxDepth,
  type OpenPart,
  type PartAddress,
} from '../large/large-object.ts';
import { openStatic } from '../large/static.ts';
import type { Services } from '../services.ts';
import { checkReadCondition } from './condition.ts';
import { checkTrail, followLink, isFollowed, type LinkTrail } from './links.ts';
import { openOwn } from './open-own.ts';
import { readableBody } from '../lifecycle/readable.ts';

/** `trail`: the links that led here. */
export async function openObject(
  services: Services,
  ctx: RequestContext,
  command: GetObject,
  trail?: LinkTrail,
): Promise<ObjectReader> {
  return openAt(services, ctx, command, { trail, depth: 0 });
}

interface Way {
  readonly trail: LinkTrail | undefined;
  /** How many large objects this one is a part of. */
  readonly depth: number;
}

async function openAt(
  services: Services,
  ctx: RequestContext,
  command: GetObject,
  way: Way,
): Promise<ObjectReader> {
  const { partNumber, versionId, asManifest, rowOnly } = command;
  const action = versionId === undefined ? 'object.read' : 'object.read-version';
  const found = await resolveContainer(services, ctx, { address: command, action });
  const { trail, depth } = way;
  const { reader: own, unlock } = await openOwn(services, ctx, found, command);
  checkTrail(trail, own.row);
  if (isFollowed(command, own.row)) {
    const open: typeof openObject = (s, c, next, further) =>
      openAt(s, c, next, { trail: further, depth });
    return followLink(services, ctx, { command, found, row: own.row, trail, open });
  }
  // A customer's key is judged whatever is asked of the object; the others where bytes are.
  const isCustomers = own.row.encryption?.by === 'customer' || command.customerKey !== undefined;
  if (isCustomers && rowOnly !== true) await unlock();
  const large =
    asManifest === true
      ? undefined
      : await openLarge(services, ctx, { found, own, command, depth });
  const reader = large === undefined ? ownView(own) : { ...own, ...large };
  checkReadCondition(command.condition, reader.row);
  if (command.metadataOnly !== true) {
    readableBody(services, own.row);
    if (rowOnly !== true) await unlock();
  }
  if (partNumber === undefined) return reader;
  return { ...reader, part: await reader.viewPart(partNumber) };
}

/** A large object that nobody wants whole: its document, or what was written beside its parts. */
function ownView(own: ObjectReader): ObjectReader {
  const { row } = own;
  if (row.manifest !== undefined) {
    const { size, etag } = row.manifest;
    return { ...own, large: 'static', row: { ...row, size, etag } };
  }
  return isDynamic(row) ? { ...own, large: 'dynamic' } : own;
}

/** Undefined when it is not made of other objects. */
async function openLarge(
  services: Services,
  ctx: RequestContext,
  at: { found: ResolvedContainer; own: ObjectReader; command: GetObject; depth: number },
): Promise<LargeObject | undefined> {
  const { found, own, command, depth } = at;
  const { row } = own;
  if (row.manifest === undefined && !isDynamic(row)) return undefined;
  // A large object in the tenth of those around it is not followed.
  const { container, key } = command;
  if (depth >= maxDepth) throw changed({ container, key, size: row.size, etag: row.etag });
  const { account } = found.row;
  const { allowExpired } = command;
  // What was permitted was to read the whole.
  const { permit: _ofWhole, ...reading } = ctx;
  const open: OpenPart = (part) => {
    const which = { ...addressOfPart(account, part), allowExpired, condition: {} };
    return openAt(services, reading, which, { trail: undefined, depth: depth + 1 });
  };
  if (row.manifest !== undefined) {
    const { size } = row.manifest;
    return openStatic({ row, open, readDocument: () => readWhole(own.read(0, size)) });
  }
  return openDynamic({
    ...{ row, open, maxParts: services.limits.maxDynamicParts },
    list: async ({ container }, query) =>
      (await listObjects(services, reading, { account, container }, query)).page,
  });
}

async function readWhole(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return concatBytes(chunks);
}

function addressOfPart(
  account: string,
  { container, key, asManifest }: PartAddress,
): Pick<GetObject, 'account' | 'container' | 'key' | 'asManifest'> {
  return { account, container, key, asManifest };
}

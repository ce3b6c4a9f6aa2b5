import { concatBytes } from '../../../base/bytes.ts';
import { StoreError } from '../../../base/errors.ts';
import type { CopyObject, ObjectReader } from '../api.ts';
import type { RangeRequest, RequestContext } from '../request.ts';
import type { PutOutcome } from '../commands.ts';
import type { ResolvedContainer } from '../container/find.ts';
import { resolveContainer } from '../container/resolve.ts';
import { checkNewLock } from '../decide/lock.ts';
import { protect } from '../encryption/protect.ts';
import { causeOf, wakeFeeds } from '../feed/cause.ts';
import { checkKey } from '../limits.ts';
import { dynamicEntry } from '../large/dynamic.ts';
import { decodeManifest, manifestEtag, wholeSize } from '../large/manifest-document.ts';
import type { Link } from '../link.ts';
import type { Metadata, VersionRow } from '../model.ts';
import { roomFor } from '../quota/room.ts';
import { executeWrite } from '../quota/write.ts';
import type { Services } from '../services.ts';
import { checkStorageClass } from '../storage-classes.ts';
import { ingestBody } from './ingest.ts';
import { settleLink } from './links.ts';
import { openObject } from './open.ts';
import { checkEarly, discardRefused, targetOf } from './put.ts';

/** The bytes that a range means in a body of `size`; `range-not-satisfiable` when it means none. */
export function resolveRange(
  range: RangeRequest | undefined,
  size: number,
): { readonly start: number; readonly end: number } {
  if (range === undefined) return { start: 0, end: size };
  const { first, last } = range;
  const start = first ?? Math.max(0, size - (last ?? 0));
  const end = first === undefined || last === undefined ? size : Math.min(size, last + 1);
  if (start >= size || start >= end) {
    throw new StoreError('range-not-satisfiable', 'object.copy', 'the range lies outside', {
      detail: { size },
    });
  }
  return { start, end };
}

/** What was copied as its content does not inherit that it was a manifest. */
function systemOfCopy(command: CopyObject, source: VersionRow, system: Metadata): Metadata {
  const { [dynamicEntry]: entry, ...others } = system;
  const isInherited = entry !== undefined && entry === source.system[dynamicEntry];
  return isInherited && command.source.asManifest !== true ? others : system;
}

/** The copy of a manifest is one: what its row says of the whole, which the document tells. */
async function largeCopy(
  command: CopyObject,
  reader: ObjectReader,
): Promise<Pick<VersionRow, 'size' | 'etag' | 'manifest'> | undefined> {
  const { manifest } = reader.row;
  if (command.source.asManifest !== true || manifest === undefined) return undefined;
  const chunks: Uint8Array[] = [];
  for await (const chunk of reader.read(0, manifest.size)) chunks.push(chunk);
  const parts = decodeManifest(concatBytes(chunks));
  return { size: wholeSize(parts), etag: manifestEtag(parts), manifest };
}

export function openSource(
  services: Services,
  ctx: RequestContext,
  command: Pick<CopyObject, 'source' | 'sourceCondition'>,
): Promise<ObjectReader> {
  // The permit is for the target, which may be the same object.
  const { permit: _ofTarget, ...reading } = ctx;
  return openObject(services, reading, { ...command.source, condition: command.sourceCondition });
}

/** The copy of a link that was not followed is a link, as good as a new one. */
async function copiedLink(
  services: Services,
  ctx: RequestContext,
  at: {
    readonly found: ResolvedContainer;
    readonly source: VersionRow;
    readonly account: string | undefined;
  },
): Promise<Link | undefined> {
  const { link } = at.source;
  if (link === undefined) return undefined;
  const named = at.account === undefined ? link : { ...link, account: at.account };
  const about = { link: named, account: at.found.row.account, open: openObject };
  return (await settleLink(services, ctx, about)).link;
}

/** Reads the source and writes a new body: versions never share fragments. */
export async function copyObject(
  services: Services,
  ctx: RequestContext,
  command: CopyObject,
): Promise<PutOutcome & { readonly source: VersionRow }> {
  const { target, condition, storageClass } = command;
  const found = await resolveContainer(services, ctx, { address: target, action: 'object.write' });
  checkKey(services.limits, target.key, 'object.copy');
  checkStorageClass(services, storageClass, 'object.copy');
  const reader = await openSource(services, ctx, command);
  const source = reader.row;
  const isWhole = reader.part === undefined && command.range === undefined;
  const { start, end } =
    isWhole && !reader.hasLength
      ? { start: 0, end: Infinity }
      : (reader.part ?? resolveRange(command.range, source.size));
  const length = end === Infinity ? undefined : end - start;
  const description = await command.describe(source);
  const link = await copiedLink(services, ctx, { found, source, account: command.linkAccount });
  const { containerId } = found;
  const { contentType, user, expiresAt, lock } = description;
  const system = systemOfCopy(command, source, description.system);
  checkNewLock(found.row, lock, { nowMillis: services.clock.now(), op: 'object.copy' });
  await checkEarly(services, { containerId, key: target.key }, condition);
  const algorithms = description.checksums ?? source.checksums.map((one) => one.algorithm);
  const { encryption: wish } = command;
  const protection = await protect(services, ctx, { container: found, key: target.key, wish });
  const { objectKey, encryption } = protection ?? {};
  const room = await roomFor(services, ctx, { container: found, key: target.key });
  const ingested = await ingestBody(services, ctx, {
    room,
    body: { chunks: reader.read(start, end), size: length, checksums: algorithms },
    target: targetOf(services, found, { key: target.key, storageClass }),
    objectKey,
  });
  const { body, inline, checksums } = ingested;
  const asLarge = await largeCopy(command, reader);
  const { size, etag } = asLarge ?? ingested;
  try {
    const about = { container: found, bytes: () => asLarge?.manifest?.size ?? size };
    const outcome = await executeWrite(services, ctx, about, {
      type: 'object.put',
      containerId,
      key: target.key,
      object: {
        ...{ size, etag, contentType, system, user, checksums, body },
        ...(asLarge === undefined ? {} : { manifest: asLarge.manifest }),
        ...{ encryption, expiresAt, lock, storageClass, link },
      },
      ...(inline === undefined ? {} : { inline }),
      condition,
      ...causeOf(ctx, found.row, 'created:copy'),
    });
    wakeFeeds(services, found.row);
    return { ...outcome, source };
  } catch (error) {
    discardRefused(services, body, error);
    throw error;
  }
}

/** Makes a static large object: every part is looked at, then the document is written as any object is. */
import { createHash } from 'node:crypto';
import { formatIso } from '../../../base/calendar/civil-date.ts';
import { isStoreError, StoreError } from '../../../base/errors.ts';
import type { ObjectReader } from '../api.ts';
import type { RangeRequest, RequestContext } from '../request.ts';
import type { PutOutcome } from '../commands.ts';
import type { ResolvedContainer } from '../container/find.ts';
import { resolveContainer } from '../container/resolve.ts';
import { protect } from '../encryption/protect.ts';
import { causeOf, wakeFeeds } from '../feed/cause.ts';
import { checkKey } from '../limits.ts';
import { ingestBody } from '../object/ingest.ts';
import { openObject } from '../object/open.ts';
import { checkEarly, discardRefused, targetOf } from '../object/put.ts';
import { bareEtag, type Checksum } from '../model.ts';
import { roomFor } from '../quota/room.ts';
import { executeWrite } from '../quota/write.ts';
import type { Services } from '../services.ts';
import { shownEtag } from './large-object.ts';
import type { ManifestOutcome, PartClaim, PartProblem, PutManifest } from './manifest-command.ts';
import {
  decodeManifest,
  encodeManifest,
  type ManifestPart,
  manifestEtag,
  partLength,
  wholeSize,
} from './manifest-document.ts';

const OP = 'manifest.put';

/** Parts that are looked at at a time: a manifest may name a thousand. */
const CONCURRENCY = 16;

export async function putManifest(
  services: Services,
  ctx: RequestContext,
  command: PutManifest,
): Promise<ManifestOutcome> {
  const { key, condition } = command;
  const found = await resolveContainer(services, ctx, { address: command, action: 'object.write' });
  checkKey(services.limits, key, OP);
  await checkEarly(services, { containerId: found.containerId, key }, condition);
  const opened = await openParts(services, ctx, found.row.account, command.parts);
  const problems: PartProblem[] = [];
  const parts: ManifestPart[] = [];
  for (const [index, claim] of command.parts.entries()) {
    const isLast = index === command.parts.length - 1;
    const part = checkPart(
      claim,
      opened[index],
      (reason) => problems.push({ index, reason }),
      isLast,
    );
    if (part !== undefined) parts.push(part);
  }
  if (problems.length > 0) return { type: 'rejected', problems };
  const named = command.document === undefined ? parts : decodeManifest(command.document);
  return { type: 'stored', outcome: await store(services, ctx, { command, found, parts: named }) };
}

type Opened = ObjectReader | StoreError | undefined;

/** In the order of the claims; each object is opened once. */
async function openParts(
  services: Services,
  ctx: RequestContext,
  account: string,
  claims: readonly PartClaim[],
): Promise<readonly Opened[]> {
  const byName = new Map<string, Opened>();
  const nameOf = (claim: PartClaim): string =>
    claim.type === 'data' ? '' : `${claim.container}/${claim.key}`;
  const waiting = new Map(
    claims.flatMap((claim) => (claim.type === 'object' ? [[nameOf(claim), claim] as const] : [])),
  ).entries();
  // What was permitted was to write the whole.
  const { permit: _ofWhole, ...reading } = ctx;
  const worker = async (): Promise<void> => {
    for (const [name, { container, key }] of waiting) {
      byName.set(name, await openPart(services, reading, { account, container, key }));
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  return claims.map((claim) => byName.get(nameOf(claim)));
}

async function openPart(
  services: Services,
  ctx: RequestContext,
  at: { readonly account: string; readonly container: string; readonly key: string },
): Promise<Opened> {
  try {
    return await openObject(services, ctx, { ...at, condition: {}, metadataOnly: true });
  } catch (error) {
    if (!isStoreError(error) || error.kind === 'cancelled') throw error;
    return error;
  }
}

/** The part as it goes into the document; undefined after a problem that leaves nothing to write. */
function checkPart(
  claim: PartClaim,
  opened: Opened,
  report: (reason: PartProblem['reason']) => void,
  isLast: boolean,
): ManifestPart | undefined {
  if (claim.type === 'data') return { type: 'data', bytes: claim.bytes };
  if (opened === undefined || opened instanceof StoreError) {
    report(opened ?? new StoreError('no-such-object', OP, 'there is no such object'));
    return undefined;
  }
  if (!opened.hasLength) {
    report(new StoreError('not-implemented', OP, 'a part must have a known length'));
    return undefined;
  }
  const { row } = opened;
  const range = rangeOf(claim.range, row.size);
  if (range === 'none') report('unsatisfiable-range');
  const { container, key } = claim;
  const part: ManifestPart = {
    ...{ type: 'object', container, key },
    etag: shownEtag(opened),
    size: row.size,
    ...(range === 'none' || range === 'all' ? {} : { range }),
    contentType: row.contentType,
    lastModified: formatIso(row.modifiedAt),
    isManifest: opened.large === 'static',
  };
  if (partLength(part) < 1 && !isLast) report('too-small');
  if (claim.size !== undefined && claim.size !== part.size) report('size-mismatch');
  if (claim.etag !== undefined && claim.etag !== part.etag) report('etag-mismatch');
  return part;
}

function rangeOf(
  range: RangeRequest | undefined,
  size: number,
): { readonly first: number; readonly last: number } | 'all' | 'none' {
  if (range === undefined) return 'all';
  const { first, last } = range;
  const start = first ?? Math.max(0, size - (last ?? 0));
  const end = first === undefined || last === undefined ? size : Math.min(size, last + 1);
  if (start >= end) return 'none';
  return start === 0 && end === size ? 'all' : { first: start, last: end - 1 };
}

async function store(
  services: Services,
  ctx: RequestContext,
  what: { command: PutManifest; found: ResolvedContainer; parts: readonly ManifestPart[] },
): Promise<PutOutcome> {
  const { command, found, parts } = what;
  const { key, condition, contentType, system, user, expiresAt } = command;
  const etag = manifestEtag(parts);
  const document = command.document ?? encodeManifest(parts);
  if (command.etag !== undefined && command.etag !== bareEtag(etag)) {
    throw new StoreError('digest-mismatch', OP, 'the parts together have another etag');
  }
  const size = wholeSize(parts);
  if (!Number.isSafeInteger(size)) {
    throw new StoreError('too-large', OP, 'the parts are larger together than any object');
  }
  const protection = await protect(services, ctx, { container: found, key, wish: undefined });
  const { objectKey, encryption } = protection ?? {};
  const room = await roomFor(services, ctx, { container: found, key });
  const { body, inline } = await ingestBody(services, ctx, {
    room,
    body: { chunks: oneChunk(document), size: document.length },
    target: targetOf(services, found, { key, storageClass: undefined }),
    objectKey,
  });
  const md5 = createHash('md5').update(document).digest('hex');
  const manifest = { size: document.length, etag: md5 };
  const checksums: readonly Checksum[] = [];
  try {
    const about = { container: found, bytes: () => document.length };
    const outcome = await executeWrite(services, ctx, about, {
      type: 'object.put',
      ...{ containerId: found.containerId, key, condition },
      object: {
        ...{ size, etag, contentType, system, user, checksums, body },
        ...{ encryption, expiresAt, manifest },
      },
      ...(inline === undefined ? {} : { inline }),
      ...causeOf(ctx, found.row, 'created:put'),
    });
    wakeFeeds(services, found.row);
    return outcome;
  } catch (error) {
    discardRefused(services, body, error);
    throw error;
  }
}

async function* oneChunk(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

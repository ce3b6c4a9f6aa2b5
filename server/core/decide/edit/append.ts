import { createHash } from 'node:crypto';
import { fromHex } from '../../../../base/bytes.ts';
import { StoreError } from '../../../../base/errors.ts';
import { invariant } from '../../../../base/invariant.ts';
import type { Commands, PutOutcome } from '../../commands.ts';
import { combineCrcs, isCrc } from '../../digest/crc-combine.ts';
import type { Checksum, PartRow, PartRun, VersionRow } from '../../model.ts';
import type { Commit } from '../commit.ts';
import { checkWriteCondition, visibleObject } from '../condition.ts';
import { tellFeeds } from '../feed.ts';
import { chainOf, hasItsSize, placeOf } from '../object.ts';

type Args = Commands['object.append']['args'];

const OP = 'object.append';

/**
 * Makes the current object longer (decision 0016). Its bytes so far become the first part, in
 * place; each appended piece is one more. Costs the same however many there are.
 */
export function appendObject(commit: Commit, args: Args): PutOutcome {
  const { containerId, key, part, inline, cause } = args;
  const container = commit.container(containerId);
  const chain = chainOf(commit, container, args);
  const old = visibleObject(chain.head(), commit.nowMillis);
  checkWriteCondition(args.condition, old, OP);
  checkAppendable(container.versioning, old);
  const isSeen = old?.version === args.seen.version && old.etag === args.seen.etag;
  // A readable copy of an archived object would not be lengthened.
  if (old === undefined || !isSeen || old.restore !== undefined) {
    throw new StoreError('conflict', OP, 'the object was changed meanwhile');
  }
  checkOffset(old, args.offset);
  invariant(hasItsSize(part, inline), 'an inline body has the size that its row says');
  const uploadId = old.body.type === 'parts' ? old.body.uploadId : args.uploadId;
  const at = { containerId, key, uploadId };
  const runs = old.body.type === 'parts' ? old.body.runs : keepAsPart(commit, at, old);
  const last = runs.at(-1);
  const partNumber = last === undefined ? 1 : last.first + last.count;
  if (partNumber > args.maxParts) {
    throw new StoreError('invalid-argument', OP, 'the object has too many pieces', {
      detail: { argument: 'parts' },
    });
  }
  const { originAt: _changedHere, ...kept } = old;
  const row: VersionRow = {
    ...kept,
    size: old.size + part.size,
    etag: etagAfter(old, part, partNumber),
    checksums: checksumsAfter(old, part),
    body: { type: 'parts', uploadId, runs: runsAfter(runs, partNumber, part.size) },
    modifiedAt: commit.time,
  };
  chain.lengthen(row);
  chain.commitTo(commit);
  const piece: PartRow = { ...part, partNumber, modifiedAt: commit.time };
  const body = inline === undefined ? {} : { body: inline };
  commit.change({ type: 'put', table: 'part', key: { ...at, partNumber }, row: piece, ...body });
  commit.claimBody(containerId, key, part.body);
  const event = cause?.event ?? 'created:put';
  tellFeeds(commit, container, { ...placeOf(args), event, row, origin: cause?.origin });
  return { row, versioning: container.versioning, replaced: true };
}

/** Older versions would share the bytes; a large object of Swift has none of its own. */
export function checkAppendable(versioning: string, old: VersionRow | undefined): void {
  if (versioning !== 'off') {
    throw new StoreError('not-implemented', OP, 'versioned containers take no appended bytes');
  }
  const isLarge = old?.manifest !== undefined || old?.link !== undefined;
  if (isLarge || old?.system['swift:object-manifest'] !== undefined) {
    throw new StoreError('not-implemented', OP, 'a large object of Swift takes no appended bytes');
  }
}

export function checkOffset(old: Pick<VersionRow, 'size'> | undefined, offset: number): void {
  if (offset === (old?.size ?? 0)) return;
  throw new StoreError('invalid-argument', OP, 'the offset is not the size of the object', {
    detail: { argument: 'offset', size: old?.size ?? 0 },
  });
}

function keepAsPart(
  commit: Commit,
  at: { readonly containerId: string; readonly key: string; readonly uploadId: string },
  old: VersionRow,
): readonly PartRun[] {
  if (old.body.type === 'empty') return [];
  const { size, etag, modifiedAt, body } = old;
  const checksums = old.checksums.filter(({ type }) => type === 'full-object');
  const row: PartRow = { partNumber: 1, size, etag, modifiedAt, checksums, body };
  const { containerId, key } = at;
  const from = { table: 'current', key: { containerId, key } } as const;
  const inline = body.type === 'inline' ? { bodyOf: from } : {};
  commit.change({ type: 'put', table: 'part', key: { ...at, partNumber: 1 }, row, ...inline });
  return [{ first: 1, count: 1, size }];
}

function runsAfter(runs: readonly PartRun[], partNumber: number, size: number): readonly PartRun[] {
  const last = runs.at(-1);
  if (last?.size !== size) return [...runs, { first: partNumber, count: 1, size }];
  return [...runs.slice(0, -1), { ...last, count: last.count + 1 }];
}

/** MD5 over the digest so far and that of the piece: of two pieces what an upload of them would have. */
function etagAfter(old: VersionRow, part: Pick<PartRow, 'etag'>, count: number): string {
  const hash = createHash('md5');
  if (count > 1) hash.update(fromHex(old.etag.slice(0, 32)));
  return `${hash.update(fromHex(part.etag)).digest('hex')}-${count}`;
}

/** The CRCs that both have, combined; no other checksum can be carried on. */
function checksumsAfter(old: VersionRow, part: Args['part']): readonly Checksum[] {
  const checksums: Checksum[] = [];
  for (const { algorithm, type, value } of old.checksums) {
    const own = part.checksums.find((one) => one.algorithm === algorithm);
    if (own === undefined || type !== 'full-object' || !isCrc(algorithm)) continue;
    const whole = combineCrcs(algorithm, [
      { digest: Buffer.from(value, 'base64'), size: old.size },
      { digest: Buffer.from(own.value, 'base64'), size: part.size },
    ]);
    checksums.push({ algorithm, type, value: Buffer.from(whole).toString('base64') });
  }
  return checksums;
}

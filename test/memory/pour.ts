import { compareUtf8, fromHex } from '../../base/bytes.ts';
import { micros } from '../../base/units.ts';
import { copyFor } from '../../server/core/decide/pieces/round.ts';
import { type Id, ownBytes, type UsageRow } from '../../server/core/model.ts';
import type { Piece } from '../../server/core/pieces/piece.ts';
import type { RowOf } from '../../server/core/ports.ts';
import { addUsage, noUsage } from '../../server/core/quota/usage.ts';
import { decodeRow, encodeKey, isNamed, nameText } from '../../server/proxy/row-codec.ts';
import { decodeName, prefixEnd } from '../../storage/shard/row-key.ts';
import type { Row } from '../../storage/shard/shard.ts';
import type { MemoryShards } from './shards.ts';

/**
 * In one step all names of a piece from `at` on go over: into a new piece of this id, or without one into the piece
 * behind it. Also to another shard: as when it was divided, and then its shard split. False: it may not, or there is nothing to give.
 */
export function pour(shards: MemoryShards, id: Id, at: string, newId?: Id): boolean {
  const row = shards.peek('container', { containerId: id });
  if (row?.state !== 'live') return false;
  const piece: Piece = row.piece ?? { of: id, from: '', round: 0 };
  if (piece.fence !== undefined || at === '' || compareUtf8(at, piece.from) < 0) return false;
  if (piece.to !== undefined && compareUtf8(at, piece.to) >= 0) return false;
  const next = newId ?? piece.next;
  if (next === undefined) return false;
  const behind = shards.peek('container', { containerId: next });
  if (behind?.piece?.fence !== undefined) return false;
  const moved = moveRows(shards, { id, next, at });
  const left = without(shards.peek('usage', { containerId: id }) ?? noUsage, moved);
  const there = addUsage(shards.peek('usage', { containerId: next }) ?? noUsage, moved);
  shards.write('usage', { containerId: id }, { ...left, isPart: true });
  shards.write('usage', { containerId: next }, { ...there, isPart: true });
  const place: Piece =
    newId === undefined && behind?.piece !== undefined
      ? { ...behind.piece, from: at }
      : { of: piece.of, from: at, to: piece.to, next: piece.next, round: piece.round };
  const copy =
    newId === undefined && behind !== undefined ? { ...behind, piece: place } : undefined;
  shards.write('container', { containerId: next }, copy ?? copyFor(next, row, place));
  shards.write('container', { containerId: id }, { ...row, piece: { ...piece, to: at, next } });
  return true;
}

/** Rows of the names go under the other id, with their bodies; gives what they add to sums. */
function moveRows(
  shards: MemoryShards,
  { id, next, at }: { readonly id: Id; readonly next: Id; readonly at: string },
): UsageRow {
  const [from, to] = [shards.route(id).rows, shards.route(next).rows];
  const start = encodeKey('container', { containerId: id });
  const own = from.range(start, prefixEnd(start.subarray(0, 17)) ?? start);
  const rows = own.filter(
    ({ key }) => isNamed(key) && compareUtf8(nameText(decodeName(key, 18).name), at) >= 0,
  );
  const puts = rows.map(({ key, meta }) => {
    const moved = Uint8Array.from(key);
    moved.set(fromHex(next), 1);
    const body = from.bodyOf(key);
    return { type: 'put', key: moved, meta, ...(body === undefined ? {} : { body }) } as const;
  });
  to.apply(puts);
  from.apply(rows.map(({ key }) => ({ type: 'delete', key })));
  return rows.map(countOf).reduce(addUsage, noUsage);
}

const key = { containerId: '00'.repeat(16), key: '' };
const tags = {
  current: encodeKey('current', key)[17],
  version: encodeKey('version', { ...key, version: micros(0) })[17],
  upload: encodeKey('upload', { ...key, uploadId: '' })[17],
};

function countOf({ key, meta }: Row): UsageRow {
  const tag = key[17];
  if (tag === tags.upload) {
    const { completed } = decodeRow<'upload'>(meta);
    return { ...noUsage, uploads: completed === undefined ? 1 : 0 };
  }
  if (tag !== tags.current && tag !== tags.version) return noUsage;
  const row: RowOf<'current'> = decodeRow<'current'>(meta);
  const bytes = row.kind === 'object' ? ownBytes(row) : 0;
  const all = { ...noUsage, versions: row.isGap === true ? 0 : 1, versionBytes: bytes };
  return tag === tags.current ? { ...all, objects: 1, bytes } : all;
}

function without(a: UsageRow, b: UsageRow): UsageRow {
  return {
    objects: a.objects - b.objects,
    bytes: a.bytes - b.bytes,
    versions: a.versions - b.versions,
    versionBytes: a.versionBytes - b.versionBytes,
    uploads: a.uploads - b.uploads,
  };
}

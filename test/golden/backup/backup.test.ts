/**
 * The bytes of docs/format/metadata-backup.md, pinned: what one release writes every later one reads. A test
 * that fails here means a new format version, with both read, and a new file beside the old.
 */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { fromUtf8, utf8 } from '../../../base/bytes.ts';
import { isStoreError } from '../../../base/errors.ts';
import { epoch, micros, sequence, shardId } from '../../../base/units.ts';
import { decodePiece, decodePieceHead, encodePiece } from '../../../server/work/backup/piece.ts';
import {
  decodeRecord,
  encodeRecord,
  entryOps,
  recordTypes,
} from '../../../storage/shard/log/record.ts';

const stored = Buffer.from(
  readFileSync(new URL('piece-v1.hex', import.meta.url), 'utf8').replaceAll(/\s/g, ''),
  'hex',
);

const commit = encodeRecord({
  type: recordTypes.commit,
  ...{
    shard: shardId(3),
    epoch: epoch(5),
    sequence: sequence(7),
    time: micros(1_790_000_000_000_010),
  },
  entries: [
    {
      ...{ op: entryOps.put, key: utf8('\u0001key'), meta: utf8('m'), sequence: sequence(7) },
      body: utf8('inline'),
    },
  ],
});
const record = Buffer.concat([...commit.pieces], commit.length);
const header = {
  ...{ clusterId: 'c1'.repeat(16), shard: 3, chain: '0123456789abcdef', number: 1 },
  ...{ previous: 'ab'.repeat(16), createdAt: 1_790_000_000_000 },
};
const status = {
  ...({ condition: 'ready', epoch: epoch(5), sequence: sequence(7) } as const),
  time: micros(1_790_000_000_000_010),
  history: [{ epoch: epoch(5), start: sequence(1) }],
};

it('a piece is written as it ever was', () => {
  const bytes = encodePiece(header, { records: [record], bytes: record.length, status });
  expect(Buffer.concat(bytes).toString('hex')).toBe(stored.toString('hex'));
});

it('a piece is read as it ever was', () => {
  const piece = decodePiece(stored);
  expect(piece.header).toMatchObject({ ...header, format: 1, status });
  const { record: read } = decodeRecord(piece.records, 0);
  const [entry] = read.entries;
  const at = entry?.bodyOffset ?? 0;
  expect(fromUtf8(piece.records.subarray(at, at + 6))).toBe('inline');
});

it('no changed, cut or longer one passes for it', () => {
  for (let at = 0; at < stored.length; at++) {
    const bad = Buffer.from(stored);
    bad[at] = (bad[at] ?? 0) ^ 1;
    if (!isBad(bad))
      expect(`byte ${at} is padding: ${stored[at]}`).toBe(`byte ${at} is padding: 0`);
    expect(isBad(stored.subarray(0, at))).toBe(true);
  }
  expect(decodePieceHead(stored.subarray(0, 600))?.header.number).toBe(1);
});

function isBad(bytes: Uint8Array): boolean {
  try {
    decodePiece(bytes);
    return false;
  } catch (error) {
    if (isStoreError(error, 'corrupt')) return true;
    throw error;
  }
}

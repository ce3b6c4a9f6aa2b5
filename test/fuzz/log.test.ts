/** Records, batches and rows with damaged bytes: refused with StoreError or `undefined`, never believed, never a foreign error. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isStoreError } from '../../base/errors.ts';
import { epoch, micros, sequence, shardId } from '../../base/units.ts';
import {
  batchHeaderBytes,
  decodeBatch,
  decodeBatchHeader,
  encodeBatchHeader,
  foldCheck,
} from '../../storage/shard/log/batch.ts';
import {
  decodeRecord,
  encodeRecord,
  type EntryInput,
  entryOps,
  recordCrc,
  recordTypes,
} from '../../storage/shard/log/record.ts';
import { decodeRow } from '../../storage/shard/row.ts';
import {
  decodeCheckpoint,
  decodeReplicaState,
  decodeSegmentInfo,
} from '../../storage/shard/replica/replica-state.ts';

const bytes = (maxLength: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength });
const entry: fc.Arbitrary<EntryInput> = fc.oneof(
  fc.record({
    op: fc.constant(entryOps.put),
    key: bytes(20),
    meta: bytes(30),
    sequence: fc.nat().map(sequence),
    body: fc.option(bytes(50), { nil: undefined }),
  }),
  fc.record({
    op: fc.constant(entryOps.putBodyOf),
    key: bytes(20),
    meta: bytes(30),
    sequence: fc.nat().map(sequence),
    from: fc.uint8Array({ minLength: 1, maxLength: 20 }),
    bodyOf: fc.constant({ length: 3, hash: 7n }),
  }),
  fc.record({
    op: fc.constant(entryOps.delete),
    key: bytes(20),
    meta: fc.constant(new Uint8Array(0)),
    sequence: fc.nat().map(sequence),
  }),
);

function encode(entries: readonly EntryInput[]): Buffer {
  const record = encodeRecord({
    type: recordTypes.commit,
    shard: shardId(7),
    epoch: epoch(3),
    sequence: sequence(2 ** 40 + 1),
    time: micros(1_790_000_000_000_000),
    entries,
  });
  const joined = Buffer.concat(record.pieces);
  return Buffer.concat([joined, Buffer.alloc(record.length - joined.length)]);
}

function encodeBatch(record: Buffer): Buffer {
  const header = Buffer.alloc(batchHeaderBytes);
  encodeBatchHeader(header, {
    number: 5,
    segment: 2,
    offset: 8192,
    length: batchHeaderBytes + record.length,
    records: 1,
    recordsCheck: foldCheck(0, recordCrc(record)),
  });
  return Buffer.concat([header, record]);
}

/** What the decoder makes of it; undefined when it refused as it may. */
function attempt<Result>(decode: () => Result): Result | undefined {
  try {
    return decode();
  } catch (error) {
    expect(isStoreError(error, 'corrupt')).toBe(true);
    return undefined;
  }
}

describe('damaged bytes of the log', () => {
  it('a record is read back as it was written', () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 5 }), (entries) => {
        const { record, length } = decodeRecord(encode(entries), 0);
        expect(length % 8).toBe(0);
        expect(record.sequence).toBe(2 ** 40 + 1);
        const keys = record.entries.map((one) => [...one.key]);
        expect(keys).toEqual(entries.map((one) => [...one.key]));
        for (const [place, one] of record.entries.entries()) {
          const row = decodeRow(one.key, one.value);
          expect([...row.meta]).toEqual([...(entries[place]?.meta ?? [])]);
          expect(row.sequence).toBe(entries[place]?.sequence);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('one flipped bit anywhere in a record, or in its batch, is noticed', () => {
    fc.assert(
      fc.property(fc.array(entry, { minLength: 1, maxLength: 3 }), fc.nat(), (entries, where) => {
        const record = encode(entries);
        const used = Buffer.concat(encodeRecordPieces(entries)).length;
        const bit = where % (used * 8);
        record[bit >> 3] = (record[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(attempt(() => decodeRecord(record, 0))).toBeUndefined();
        const batch = encodeBatch(encode(entries));
        const at = where % ((batchHeaderBytes + used) * 8);
        batch[at >> 3] = (batch[at >> 3] ?? 0) ^ (1 << (at & 7));
        const header = attempt(() => decodeBatchHeader(batch, 2, 8192));
        if (header === undefined) return;
        expect(attempt(() => decodeBatch(batch, header))).toBeUndefined();
      }),
      { numRuns: 500 },
    );
  });

  it('a batch of another place, or cut off anywhere, is none', () => {
    const batch = encodeBatch(encode([]));
    expect(decodeBatchHeader(batch, 2, 8192)).toBeDefined();
    expect(decodeBatchHeader(batch, 3, 8192)).toBeUndefined();
    expect(decodeBatchHeader(batch, 2, 4096)).toBeUndefined();
    const header = decodeBatchHeader(batch, 2, 8192);
    for (let length = 0; length < batch.length; length++) {
      const cut = batch.subarray(0, length);
      if (length < batchHeaderBytes) expect(decodeBatchHeader(cut, 2, 8192)).toBeUndefined();
      else if (header !== undefined) expect(decodeBatch(cut, header)).toBeUndefined();
    }
  });

  it('no bytes make a decoder throw anything but StoreError', () => {
    const start = encode([]).subarray(0, 64);
    fc.assert(
      fc.property(bytes(300), bytes(60), fc.nat({ max: 63 }), (random, key, keep) => {
        const mixed = Buffer.concat([start.subarray(0, keep), random]);
        attempt(() => decodeRecord(random, 0));
        attempt(() => decodeRecord(mixed, 0));
        attempt(() => decodeBatchHeader(random, 0, 0));
        attempt(() => decodeRow(key, random));
        attempt(() => decodeCheckpoint(random));
        attempt(() => decodeReplicaState(random));
        attempt(() => decodeSegmentInfo(random));
      }),
      { numRuns: 1000 },
    );
  });

  it('a flipped bit in an index row is noticed, wherever replicas share it', () => {
    fc.assert(
      fc.property(entry, fc.nat(), (one, where) => {
        const { record } = decodeRecord(encode([one]), 0);
        const found = record.entries[0];
        if (found === undefined) throw new Error('no entry');
        const value = Buffer.from(found.value);
        // Bytes 5 to 15 are the device's own: the body's digest guards them.
        const bit = where % ((value.length - 16 + 5) * 8);
        const at = bit >> 3 < 5 ? bit >> 3 : (bit >> 3) + 11;
        value[at] = (value[at] ?? 0) ^ (1 << (bit & 7));
        expect(attempt(() => decodeRow(found.key, value))).toBeUndefined();
      }),
      { numRuns: 500 },
    );
  });
});

function encodeRecordPieces(entries: readonly EntryInput[]): readonly Uint8Array[] {
  return encodeRecord({
    type: recordTypes.commit,
    shard: shardId(7),
    epoch: epoch(3),
    sequence: sequence(1),
    time: micros(10),
    entries,
  }).pieces;
}

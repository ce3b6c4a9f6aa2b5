/**
 * The bytes of docs/format/shard-log.md, pinned: what one release writes every later one reads. A test
 * that fails here means a new format version, with both read, and a new file beside the old.
 */
import { systemClock } from '../../../base/clock.ts';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fromUtf8, utf8 } from '../../../base/bytes.ts';
import { epoch, micros, sequence, shardId } from '../../../base/units.ts';
import { decodeBatch, decodeBatchHeader } from '../../../storage/shard/log/batch.ts';
import { DeviceLog, defaultLogSettings } from '../../../storage/shard/log/log.ts';
import { encodeRecord, entryOps, recordTypes } from '../../../storage/shard/log/record.ts';
import { segmentPath } from '../../../storage/shard/log/scan.ts';
import { decodeRow } from '../../../storage/shard/row.ts';
import { SimDisk } from '../../sim/disk.ts';

const stored = readFileSync(new URL('batch-v1.hex', import.meta.url), 'utf8').replaceAll(/\s/g, '');

const commit = encodeRecord({
  type: recordTypes.commit,
  shard: shardId(3),
  epoch: epoch(5),
  sequence: sequence(2 ** 33 + 7),
  time: micros(1_790_000_000_000_010),
  entries: [
    {
      op: entryOps.put,
      key: utf8('\u0001key one'),
      meta: utf8('{"etag":"x"}'),
      sequence: sequence(2 ** 33 + 7),
      body: utf8('inline body'),
    },
    {
      op: entryOps.putBodyOf,
      key: utf8('\u0001key two'),
      meta: utf8('m'),
      sequence: sequence(2 ** 33 + 7),
      from: utf8('\u0001key one'),
      bodyOf: { length: 11, hash: 0x0123456789abcdefn },
    },
    {
      op: entryOps.delete,
      key: utf8('\u0001gone'),
      meta: new Uint8Array(0),
      sequence: sequence(2 ** 33 + 7),
    },
  ],
});
const begun = encodeRecord({
  type: recordTypes.epoch,
  shard: shardId(4),
  epoch: epoch(6),
  sequence: sequence(1),
  time: micros(0),
});

describe('the shard log, version 1', () => {
  it('is written as it ever was', async () => {
    const disk = new SimDisk();
    const log = await DeviceLog.open({
      disk,
      clock: systemClock,
      settings: defaultLogSettings,
      end: { segment: 0, offset: 0, number: 1 },
      onFailure: () => undefined,
      onSegment: () => undefined,
    });
    await Promise.all([log.append([commit]), log.append([begun])]);
    await log.close();
    const bytes = Buffer.from((await disk.readAll(segmentPath(0))) ?? []);
    expect(bytes).toHaveLength(4096);
    const end = bytes.findLastIndex((byte) => byte !== 0) + 1;
    expect(bytes.subarray(0, end).toString('hex')).toBe(stored);
  });

  it('is read as it ever was', () => {
    const bytes = Buffer.alloc(4096);
    bytes.write(stored, 'hex');
    const header = decodeBatchHeader(bytes, 0, 0);
    expect(header).toMatchObject({ number: 1, records: 2 });
    const batch = header === undefined ? undefined : decodeBatch(bytes, header);
    const [first, second] = batch?.records ?? [];
    expect(first?.record).toMatchObject({ shard: 3, epoch: 5, sequence: 2 ** 33 + 7 });
    expect(second?.record).toMatchObject({ type: recordTypes.epoch, shard: 4, epoch: 6 });
    const entry = first?.record.entries[0];
    if (first === undefined || entry === undefined) throw new Error('no entry');
    const row = decodeRow(entry.key, entry.value);
    expect(fromUtf8(row.meta)).toBe('{"etag":"x"}');
    const at = entry.bodyOffset ?? 0;
    expect(fromUtf8(first.bytes.subarray(at, at + (row.bodyLength ?? 0)))).toBe('inline body');
  });
});

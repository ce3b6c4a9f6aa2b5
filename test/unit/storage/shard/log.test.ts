import { systemClock } from '../../../../base/clock.ts';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../../../base/bytes.ts';
import { type StoreError, isStoreError } from '../../../../base/errors.ts';
import { epoch, micros, sequence, shardId } from '../../../../base/units.ts';
import type { LogPlace } from '../../../../storage/shard/log/batch.ts';
import { DeviceLog, defaultLogSettings } from '../../../../storage/shard/log/log.ts';
import {
  type EncodedRecord,
  encodeRecord,
  entryOps,
  recordTypes,
} from '../../../../storage/shard/log/record.ts';
import { type ScanOutcome, scanLog, segmentPath } from '../../../../storage/shard/log/scan.ts';
import { SimDisk } from '../../../sim/disk.ts';

const beginning: LogPlace = { segment: 0, offset: 0, number: 1 };

function record(number: number, bodyBytes = 100): EncodedRecord {
  const key = utf8(`key ${number}`);
  const body = new Uint8Array(bodyBytes).fill(number);
  return encodeRecord({
    type: recordTypes.commit,
    shard: shardId(1),
    epoch: epoch(2),
    sequence: sequence(number),
    time: micros(10 * number),
    entries: [{ op: entryOps.put, key, meta: utf8('meta'), sequence: sequence(number), body }],
  });
}

async function scan(disk: SimDisk): Promise<ScanOutcome & { found: number[]; holes: number }> {
  const found: number[] = [];
  let holes = 0;
  const outcome = await scanLog(disk, beginning, {
    hole: () => {
      holes++;
    },
    batch: (batch) => {
      for (const { record: one } of batch.records) found.push(one.sequence);
      return 'go on';
    },
  });
  return { ...outcome, found, holes };
}

async function open(
  disk: SimDisk,
  segmentBytes = 64 * 1024,
): Promise<{ log: DeviceLog; failures: StoreError[] }> {
  const failures: StoreError[] = [];
  const log = await DeviceLog.open({
    disk,
    clock: systemClock,
    settings: { ...defaultLogSettings, segmentBytes },
    end: (await scan(disk)).end,
    onFailure: (error) => failures.push(error),
    onSegment: () => undefined,
  });
  return { log, failures };
}

async function write(log: DeviceLog, from: number, to: number): Promise<void> {
  for (let i = from; i < to; i++) await log.append([record(i)]);
}

const numbers = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, place) => from + place);
const kindOf = (error: unknown): string => (isStoreError(error) ? error.kind : String(error));

describe("a device's log", () => {
  it('writes what arrives together with one write and one sync', async () => {
    const disk = new SimDisk();
    const { log } = await open(disk);
    await log.append([record(1)]);
    const operations: string[] = [];
    disk.hook((operation) => operations.push(operation.type));
    await Promise.all(numbers(2, 40).map((number) => log.append([record(number)])));
    expect(operations.filter((type) => type === 'write')).toHaveLength(1);
    expect(operations.filter((type) => type === 'sync')).toHaveLength(1);
    disk.hook(undefined);
    await log.close();
    expect((await scan(disk)).found).toEqual(numbers(1, 40));
  });

  it('goes on where it ended, over segments and restarts', async () => {
    const disk = new SimDisk();
    for (let round = 0; round < 4; round++) {
      const { log } = await open(disk, 16 * 1024);
      await write(log, 1 + 5 * round, 6 + 5 * round);
      await log.close();
    }
    const { found, damaged, end } = await scan(disk);
    expect(found).toEqual(numbers(1, 21));
    expect(damaged).toBe(false);
    expect(end.segment).toBeGreaterThan(2);
  });

  it('cuts a torn tail off, and only that', async () => {
    const disk = new SimDisk();
    const { log } = await open(disk);
    await write(log, 1, 6);
    const { end } = log;
    await log.close();
    const file = await disk.open(segmentPath(0));
    const torn = Buffer.concat([...record(6).pieces]);
    await file?.write(end.offset, [torn]);
    await file?.close();
    expect(await scan(disk)).toMatchObject({ found: numbers(1, 6), damaged: false, end });
    const again = await open(disk);
    const before = disk.medium.size(disk.medium.lookup(segmentPath(0)) ?? 0);
    expect(before).toBe(end.offset);
    await write(again.log, 6, 8);
    await again.log.close();
    expect((await scan(disk)).found).toEqual(numbers(1, 8));
  });

  it('knows damage from a torn tail: a bad batch before valid ones was synced', async () => {
    const disk = new SimDisk();
    const { log } = await open(disk);
    await write(log, 1, 8);
    const size = log.end.offset;
    await log.close();
    disk.flip(segmentPath(0), 2 * 4096 + 100, 5);
    const { found, damaged, holes, end } = await scan(disk);
    expect(found).toEqual([1, 2, 4, 5, 6, 7]);
    expect([damaged, holes, end.offset]).toEqual([true, 1, size]);
    // Never truncated: opening leaves every byte where it is.
    const again = await open(disk);
    expect(disk.medium.size(disk.medium.lookup(segmentPath(0)) ?? 0)).toBe(size);
    await again.log.close();
  });

  it('misses the last batch of a sealed segment, and a whole segment', async () => {
    const disk = new SimDisk();
    const { log } = await open(disk, 16 * 1024);
    await write(log, 1, 14);
    await log.close();
    const copy = disk.clone();
    copy.flip(segmentPath(1), 3 * 4096 + 70);
    expect(await scan(copy)).toMatchObject({ damaged: true });
    await disk.remove(segmentPath(1));
    expect(await scan(disk)).toMatchObject({ damaged: true });
  });

  it('takes nothing any more after a failed sync, also when the next would succeed', async () => {
    const disk = new SimDisk();
    const { log, failures } = await open(disk);
    await write(log, 1, 3);
    disk.fail('syncs');
    const first = log.append([record(3)]);
    const second = log.append([record(4)]);
    expect(await first.catch(kindOf)).toBe('unavailable');
    expect(await second.catch(kindOf)).toBe('unavailable');
    disk.fail('nothing');
    expect(await log.append([record(5)]).catch(kindOf)).toBe('unavailable');
    expect(failures).toHaveLength(1);
  });

  it('refuses for lack of space without harm to what it has', async () => {
    const disk = new SimDisk({ capacityBytes: 6 * 4096 });
    const { log, failures } = await open(disk);
    await write(log, 1, 6);
    const large = log.append([record(6, 60_000)]);
    expect(await large.catch(kindOf)).toBe('full');
    await log.append([record(6)]);
    expect(failures).toEqual([]);
    await log.close();
    expect(await scan(disk)).toMatchObject({ found: numbers(1, 7), damaged: false });
  });
});

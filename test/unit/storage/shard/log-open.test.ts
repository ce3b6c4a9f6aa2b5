import { systemClock } from '../../../../base/clock.ts';
import { expect, test } from 'vitest';
import type { Disk } from '../../../../base/disk.ts';
import { DeviceLog } from '../../../../storage/shard/log/log.ts';
import { scanLog } from '../../../../storage/shard/log/scan.ts';
import { SimDisk } from '../../../sim/disk.ts';
import { SeededRandom } from '../../../sim/random.ts';

const beginning = { segment: 0, offset: 0, number: 1 };
const path = 'log/00000000.log';

async function open(disk: Disk): Promise<DeviceLog> {
  const { end } = await scanLog(disk, beginning, { batch: () => 'go on', hole: () => undefined });
  return DeviceLog.open({
    ...{ disk, clock: systemClock, end, onFailure: () => undefined, onSegment: () => undefined },
    settings: { segmentBytes: 65_536, batchBytes: 4096, cachedBytes: 0 },
  });
}

/** A batch that a kill -9 left in the page cache is replayed, so it must not vanish in a power loss afterwards. */
test('opening a log makes the tail that it found durable', async () => {
  const donor = new SimDisk();
  await (await open(donor)).append([]);
  const bytes = await donor.readAll(path);
  if (bytes === undefined) throw new Error('the log has a first segment');

  const disk = new SimDisk();
  await disk.makeDirectory('log');
  await disk.syncDirectory('');
  await (await disk.create(path)).write(0, [bytes]);
  const log = await open(disk);
  expect(log.end.number).toBe(2);
  disk.crash(new SeededRandom(1), { lose: 'all' });
  expect((await open(disk)).end).toEqual(log.end);
});

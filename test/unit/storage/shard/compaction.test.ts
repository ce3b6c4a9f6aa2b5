import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../../../base/log.ts';
import { LogCompaction } from '../../../../storage/shard/compaction.ts';
import { World } from './world.ts';

const log = { segmentBytes: 32 * 1024 };
const body = (text: string): string => text.padEnd(1500, '.');

async function compact(world: World): Promise<number> {
  const worker = new LogCompaction({
    devices: () => world.devices,
    logger: silentLogger,
    settings: { liveShareMax: 0.9 },
  });
  // The worker counts from when it first looks.
  await worker.next();
  for (let i = 0; i < 60; i++) {
    await world.execute({ type: 'put', name: `churn ${i % 3}`, text: `${i}`, body: body(`${i}`) });
  }
  let jobs = 0;
  for (let job = await worker.next(); job !== undefined; job = await worker.next()) {
    await worker.run(job);
    jobs++;
  }
  return jobs;
}

describe('compaction of the log', () => {
  it('writes live bodies anew, deletes their segments, and loses none, also by a crash', async () => {
    for (const lose of ['none', 'all', 'some'] as const) {
      const world = await World.open({ log, seed: 11 });
      for (let i = 0; i < 60; i++) {
        const name = i % 10 === 0 ? `kept ${i}` : 'overwritten';
        await world.execute({ type: 'put', name, text: `${i}`, body: body(`body ${i}`) });
      }
      // This row's body lies in a record that names another row.
      await world.execute({ type: 'move', from: 'kept 20', name: 'moved', text: 'm' });
      const before = (await world.devices[0]?.log.segments())?.[0];
      expect(await compact(world)).toBeGreaterThan(3);
      const after = (await world.devices[0]?.log.segments())?.[0];
      expect(after).toBeGreaterThan(before ?? 0);
      const check = async (): Promise<void> => {
        for (const i of [0, 10, 30, 40, 50]) {
          expect(await world.read(`kept ${i}`)).toEqual({ text: `${i}`, body: body(`body ${i}`) });
        }
        expect(await world.read('moved')).toEqual({ text: 'm', body: body('body 20') });
      };
      await check();
      await world.crash(lose);
      await world.start();
      await check();
      expect(world.warnings).toEqual([]);
      await world.stop();
    }
  });

  it('deletes segments without bodies at a checkpoint, so that the log of rows alone stays short', async () => {
    const world = await World.open({ log });
    for (let i = 0; i < 200; i++) {
      await world.execute({ type: 'put', name: `${i % 7}`, text: `${i}`.padEnd(900) });
    }
    await world.devices[0]?.checkpoint();
    expect((await world.devices[0]?.log.segments())?.length).toBeLessThanOrEqual(2);
    await world.restart();
    expect((await world.read('3'))?.text.trim()).toBe('199');
    await world.stop();
  });
});

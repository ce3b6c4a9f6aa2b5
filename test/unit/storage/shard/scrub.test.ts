import { expect, it } from 'vitest';
import { shardId } from '../../../../base/units.ts';
import { BodyScrub } from '../../../../storage/shard/scrub.ts';
import { keyOf, World } from './world.ts';

const one = shardId(1);
const roundMillis = 1000;

async function scrubAll(world: World, scrub: BodyScrub): Promise<number> {
  for (let jobs = 0; ; jobs++) {
    const job = await scrub.next();
    if (job === undefined) return jobs;
    await world.clock.run(scrub.run(job));
  }
}

it('finds rotten bodies on every replica and writes them anew', async () => {
  const world = await World.open();
  const { group, clock, logger } = world;
  for (let i = 0; i < 300; i++) {
    const put = { type: 'put', name: `n${i}`, text: `${i}`, body: `precious ${i};` } as const;
    await world.clock.run(world.execute(put));
  }
  const scrub = new BodyScrub({ group, clock, logger, roundMillis });
  expect(await scrub.next()).toBeUndefined();
  // A different body is bad on each device: two good copies of each are left.
  for (const [place, disk] of world.disks.entries()) {
    const bytes = Buffer.from((await disk.readAll('log/00000000.log')) ?? []);
    disk.flip('log/00000000.log', bytes.lastIndexOf(`precious ${place + 7};`) + 1);
  }
  await world.clock.advance(roundMillis);
  expect(await scrubAll(world, scrub)).toBe(9);
  expect(scrub.counts).toEqual({ rounds: 1, checked: 900, healed: 3 });
  for (const device of world.devices) {
    for (let i = 0; i < 300; i++) {
      const replica = device.replica(one);
      const row = replica.get(keyOf(`n${i}`));
      const body = row === undefined ? undefined : await replica.bodyOf(row);
      expect(Buffer.from(body ?? []).toString()).toBe(`precious ${i};`);
    }
  }
  await world.clock.advance(roundMillis);
  await scrubAll(world, scrub);
  expect(scrub.counts).toEqual({ rounds: 2, checked: 1800, healed: 3 });
  await world.stop();
});

/** Found by the simulation: the second medium that failed ended the read, although the third replica had the body. */
it.each([0, 1, 2])('reads a body while all media but that of device %i fail', async (good) => {
  const world = await World.open();
  const put = { type: 'put', name: 'n', text: 't', body: 'precious' } as const;
  await world.clock.run(world.execute(put));
  for (const [place, disk] of world.disks.entries()) if (place !== good) disk.fail('reads');
  expect(await world.clock.run(world.read('n'))).toMatchObject({ body: 'precious' });
  for (const disk of world.disks) disk.fail('nothing');
  await world.stop();
});

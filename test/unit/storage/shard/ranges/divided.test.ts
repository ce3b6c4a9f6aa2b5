/** What lay under one id was divided before its shard is split (decision 0036). */
import { expect, it } from 'vitest';
import type { Backups } from '../../../../../storage/shard/backup/backed-up.ts';
import type { Divider } from '../../../../../storage/shard/ranges/division.ts';
import { ShardSplitter } from '../../../../../storage/shard/ranges/splitter.ts';
import { stateMachine } from '../world.ts';
import { busyWorld, middle, one, work } from './reshaping.ts';

const divider: Divider = {
  begun: () => Promise.resolve(undefined),
  begin: (primary, id) =>
    Promise.resolve({
      primary,
      id,
      into: middle,
      heldMillis: 0,
      step: () => Promise.resolve(true),
    }),
  isWorthwhile: () => true,
};

async function divided(isStored: () => boolean) {
  const { world, writers, all } = await busyWorld();
  const { group, coordinator, clock, logger } = world;
  const wanted: number[] = [];
  const backups: Backups = {
    follows: () => true,
    has: (_primary, last) => {
      wanted.push(last);
      return isStored();
    },
  };
  const parts = { group, coordinator, stateMachine, clock, logger, divider, backups };
  const splitter = new ShardSplitter(parts);
  const asked = splitter.request({ shard: one, divide: '10'.repeat(16) });
  const starts = (): unknown =>
    coordinator
      .current()
      .shards.filter(({ takesFrom }) => takesFrom === undefined)
      .map(({ start }) => start);
  return { world, writers, all, splitter, asked, wanted, starts };
}

it('the halves are parted when the backup of the one that stays has all that it held', async () => {
  let isStored = false;
  const { world, writers, all, splitter, asked, wanted, starts } = await divided(() => isStored);
  const { clock } = world;
  await clock.run(work(world, splitter, 30));
  expect(starts()).toEqual(['00'.repeat(16)]);
  isStored = true;
  await clock.run(work(world, splitter));
  await clock.run(asked);
  expect(starts()).toEqual(['00'.repeat(16), middle]);
  expect(wanted.length).toBeGreaterThan(1);
  expect(new Set(wanted).size).toBe(1);
  writers.end();
  await clock.run(all);
  expect(writers.failed).toBe(0);
  await clock.run(writers.check());
});

it('they stay together when that does not come', async () => {
  const { world, writers, all, splitter, asked, starts } = await divided(() => false);
  const { clock } = world;
  await clock.run(clock.sleep(100));
  writers.end();
  await clock.run(all);
  const refused = expect(asked).rejects.toThrow('the backup does not come');
  await expect(clock.run(work(world, splitter))).rejects.toThrow('the backup does not come');
  await refused;
  expect(starts()).toEqual(['00'.repeat(16)]);
  await clock.run(writers.check());
});

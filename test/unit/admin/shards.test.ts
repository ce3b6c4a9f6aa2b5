import { expect, it } from 'vitest';
import { StoreError } from '../../../base/errors.ts';
import { deviceId, epoch, shardId } from '../../../base/units.ts';
import { answerShardCall } from '../../../server/admin/shards.ts';
import type { Cell } from '../../../server/cell/cell.ts';
import type { ShardState } from '../../../storage/shard/shard.ts';
import { SimClock } from '../../sim/clock.ts';

const line = (id: number, start: string): ShardState => ({
  ...{ id: shardId(id), start: start.repeat(32), epoch: epoch(1), primary: deviceId(1) },
  ...{ replicas: [deviceId(1), deviceId(2)], inSync: [deviceId(1)] },
});

function cellWith(split: (request: unknown) => Promise<void>): Cell {
  const shards = [
    line(1, '8'),
    { ...line(2, '0'), untrimmed: true },
    { ...line(3, 'f'), takesFrom: shardId(1) },
    { ...line(4, 'c'), joins: shardId(1) },
  ];
  const current = () => ({ shards, devices: [{ id: deviceId(1), node: 'n1' }] });
  // What the calls use of a cell.
  return { coordinator: { current }, workers: { split, merge: split } } as unknown as Cell;
}

const clock = new SimClock();
const ask = (cell: Cell, path: string, text = ''): Promise<string | undefined> =>
  answerShardCall({ cell, clock }, path, new URLSearchParams(text));

it('lists shards in the order of what they own, and what is under way', async () => {
  const cell = cellWith(() => Promise.resolve());
  expect(await ask(cell, '/shard/list')).toBe(
    [
      `2 from ${'0'.repeat(32)} on device 1 of n1, 1 of 2 replicas in sync, is being trimmed`,
      `1 from ${'8'.repeat(32)} on device 1 of n1, 1 of 2 replicas in sync`,
      `4 from ${'c'.repeat(32)} on device 1 of n1, 1 of 2 replicas in sync, is being merged into shard 1`,
      '3 from nowhere on device 1 of n1, 1 of 2 replicas in sync, is being split off shard 1',
    ].join('\n'),
  );
  expect(await ask(cell, '/device/audit')).toBeUndefined();
});

it('splits a shard, says why not, and does not wait for a large one', async () => {
  const asked: unknown[] = [];
  const cell = cellWith(async (request) => {
    asked.push(request);
  });
  expect(await ask(cell, '/shard/split', 'shard=1')).toBe('Shard 1 is split.');
  await ask(cell, '/shard/split', `shard=1&at=${'9'.repeat(32)}`);
  expect(asked).toEqual([{ shard: 1 }, { shard: 1, at: '9'.repeat(32) }]);
  const refused = { kind: 'invalid-argument' };
  await expect(ask(cell, '/shard/split', 'shard=7')).rejects.toMatchObject(refused);
  const failing = cellWith(() => Promise.reject(new StoreError('conflict', 'test', 'not now')));
  await expect(ask(failing, '/shard/split', 'shard=1')).rejects.toMatchObject({ kind: 'conflict' });
  const slow = cellWith(() => new Promise(() => undefined));
  expect(await clock.run(ask(slow, '/shard/split', 'shard=1') as Promise<string>)).toContain(
    'torc shard list shows when',
  );
});

it('merges a shard into the one before it', async () => {
  const asked: unknown[] = [];
  const cell = cellWith(async (request) => {
    asked.push(request);
  });
  expect(await ask(cell, '/shard/merge', 'shard=1')).toBe('Shard 1 is merged.');
  expect(asked).toEqual([{ shard: 1 }]);
  const refused = { kind: 'invalid-argument' };
  await expect(ask(cell, '/shard/merge', 'shard=8')).rejects.toMatchObject(refused);
});

/** What workers do for a container in pieces: each piece is followed for itself, and none is forgotten. */
import { expect, it } from 'vitest';
import { createDecide } from '../../../../server/core/decide/decide.ts';
import { realDays } from '../../../../server/core/lifecycle/due.ts';
import type { Lifecycle } from '../../../../server/core/lifecycle/rules.ts';
import { ShardFeeds } from '../../../../server/feeds/source.ts';
import { localRange } from '../../../../server/proxy/row-codec.ts';
import { createStateMachine } from '../../../../server/proxy/state-machine.ts';
import { dueSource } from '../../../../server/work/lifecycle/due-jobs.ts';
import { LifecycleKeeper } from '../../../../server/work/lifecycle/keeper.ts';
import { pour } from '../../../memory/pour.ts';
import { containerId, createScene, divide, limits, pieceId, putOf, type Scene } from './scene.ts';

const day = 1000;
const context = { ...realDays, dayMillis: day };
const whole = { prefix: '', delimiter: '', after: undefined, before: undefined };
const names = Array.from({ length: 250 }, (_, n) => `k${String(n).padStart(3, '0')}`);

function scene(shards: number): Promise<Scene> {
  const decide = createDecide({ releaseGraceMillis: 60_000, lifecycle: context });
  return createScene({ shards, machine: createStateMachine(decide) });
}

async function fill({ rows }: Scene): Promise<void> {
  for (const name of names) await rows.execute(putOf(name));
}

async function update({ rows }: Scene, rule: Partial<Lifecycle['rules'][number]>): Promise<void> {
  const rules = [{ id: 'r', isEnabled: true, filter: { prefix: '' }, ...rule }];
  const change = { settings: {}, limits, lifecycle: { rules } };
  await rows.execute({ type: 'container.update', containerId, ...change });
}

/** Does what is due now. */
async function keep({ shards, rows, clock }: Scene): Promise<LifecycleKeeper> {
  const due = dueSource({ shards, rows, clock }, 'check');
  const keeper = new LifecycleKeeper({ due, rows, clock, context });
  for (let turns = 0; ; turns++) {
    const jobs = await keeper.next();
    if (jobs === undefined) return keeper;
    await keeper.run(jobs);
    if (turns > 1000) throw new Error('something is due for ever');
  }
}

async function duesOf({ shards }: Scene): Promise<number> {
  const found = shards.all().map((shard) => shard.scan({ ...localRange('due'), limit: 10_000 }));
  return (await Promise.all(found)).flat().length;
}

it('new rules: every name of every piece is looked at once, and expires', async () => {
  const on = await scene(3);
  await on.run(fill(on));
  divide(on.shards, 'k060', 'k120', 'k180');
  await on.run(update(on, { expiration: { days: 1 } }));
  const keeper = await on.run(keep(on));
  expect(keeper.counts.scanned).toBe(names.length);
  expect(await on.run(duesOf(on))).toBe(names.length);
  await on.run(on.clock.sleep(2 * day));
  const { counts } = await on.run(keep(on));
  expect(counts.removed).toBe(names.length);
  expect(await on.run(duesOf(on))).toBe(0);
  const query = { ...whole, reverse: false, limit: 10 };
  expect((await on.run(on.rows.listCurrent(containerId, query))).items).toEqual([]);
  expect(await on.run(on.rows.usage(containerId))).toMatchObject({ objects: 0, versions: 0 });
});

it('what was planned before a name went over is done where it lies, and is over then', async () => {
  const on = await scene(1);
  await on.run(update(on, { expiration: { days: 1 } }));
  await on.run(fill(on));
  // Their rows in the local tables still name the first piece.
  divide(on.shards, 'k060', 'k200');
  await on.run(on.clock.sleep(2 * day));
  const { counts } = await on.run(keep(on));
  expect(counts.removed).toBe(names.length);
  expect(await on.run(duesOf(on))).toBe(0);
});

it('a walk of what a target has not got is asked for in every piece, also in one that comes meanwhile', async () => {
  const on = await scene(3);
  await on.run(fill(on));
  const feed = { target: 'far', rule: 'one', events: [], prefix: '', suffix: '' };
  const feeds = { purpose: 'notification', feeds: [feed] } as const;
  const change = { settings: {}, limits, feeds };
  await on.run(on.rows.execute({ type: 'container.update', containerId, ...change }));
  divide(on.shards, 'k060', 'k120');
  const mark = on.shards.peek('container', { containerId })?.feeds?.[0]?.id ?? '';
  let asked = 0;
  on.shards.hook = ({ when, type, what }) => {
    const isAsked = type === 'execute' && (what as { type: string }).type === 'feed.catch-up';
    if (when !== 'after' || !isAsked || ++asked !== 2) return;
    pour(on.shards, pieceId(1), 'k100', pieceId(9));
  };
  const catchUp = { type: 'feed.catch-up', containerId, feedId: mark } as const;
  expect(await on.run(on.rows.execute(catchUp))).toBe(true);
  const found = await on.run(new ShardFeeds(on.shards).backlogs('far'));
  const walks = found.map((one): unknown => [one.containerId, one.dropped, one.to]);
  expect(walks).toHaveLength(4);
  expect(walks).toEqual(
    expect.arrayContaining([
      [containerId, 1, 'k060'],
      // It had these names when it was asked.
      [pieceId(1), 1, 'k120'],
      [pieceId(9), 1, 'k120'],
      [pieceId(2), 1, undefined],
    ]),
  );
  expect(new Set(found.map(({ feedId }) => feedId)).size).toBe(4);
});

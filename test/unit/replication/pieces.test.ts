/** Containers that lie in pieces (decision 0036): here one piece that is not the first, as all its rows would have it. */
import { expect, it } from 'vitest';
import { micros } from '../../../base/units.ts';
import { answerReplicationCall } from '../../../server/replication/operator.ts';
import type { Feed } from '../../../server/core/model.ts';
import { type Harness, all } from '../s3/harness.ts';
import { configure, type Pair, pair, rule, statusOf, versioned } from './pair.ts';

const own = 'b'.repeat(32);

interface Scene extends Pair {
  readonly containerId: string;
  /** The rule's feed as the first piece has it. */
  readonly feed: Feed;
}

/** What the rule's feed has at a piece that begins at `from`; before it `meanwhile` happens. */
async function inPiece(
  from = '',
  meanwhile: (two: Pair) => Promise<unknown> = () => Promise.resolve(),
): Promise<Scene> {
  const two = await pair();
  await configure(two.near, rule('one'));
  await meanwhile(two);
  const { rows } = two.near;
  const found = rows.rowsOf('container').find(({ row }) => row.feeds !== undefined);
  const [feed] = found?.row.feeds ?? [];
  if (found === undefined || feed === undefined) throw new Error('no rule');
  const row = {
    ...found.row,
    feeds: [{ ...feed, id: own, of: feed.id }],
    piece: { of: 'a'.repeat(32), from, round: 0 },
  };
  rows.put({ type: 'put', table: 'container', key: found.key, row });
  return { ...two, feed, ...found.key };
}

async function sizesAt(h: Harness): Promise<readonly string[]> {
  return all((await h.ask('GET', '/copy', { query: { versions: '' } })).text, 'Size');
}

it("a version waits in its piece's feed, and names the container's", async () => {
  const { near, work, feed } = await inPiece();
  await near.ask('PUT', '/box/k', { body: 'x' });
  const of = (): unknown => near.rows.rowsOf('current')[0]?.row.replication;
  expect(of()).toEqual({ status: 'pending', waiting: [feed.id] });
  expect(near.rows.rowsOf('event').map(({ key }) => key.feedId)).toEqual([own]);
  await work();
  expect(of()).toMatchObject({ status: 'completed', replicas: { [feed.id]: expect.any(String) } });
  expect(near.rows.rowsOf('backlog')).toEqual([]);
});

it("what waited when its name went over is told by the old piece's feed, and refused it comes again in the new one's", async () => {
  const { near, far, work, state, feed, containerId } = await inPiece('', ({ near: h }) =>
    h.ask('PUT', '/box/k', { body: 'x' }),
  );
  // The old piece still has its feed, by the old id.
  const row = near.rows.peek('container', { containerId });
  if (row === undefined) throw new Error('no container');
  const feeds = [...(row.feeds ?? []), { ...feed, events: [] }];
  near.rows.put({
    ...{ type: 'put', table: 'container', key: { containerId } },
    row: { ...row, feeds: feeds.reverse() },
  });
  state.answer = { status: 403, code: 'AccessDenied' };
  await work();
  expect(await statusOf(near, '/box/k')).toBe('FAILED');
  near.rows.put({ type: 'put', table: 'container', key: { containerId }, row });
  const asked = new URLSearchParams({ account: 'AUTH_one', container: 'box' });
  delete state.answer;
  await answerReplicationCall(near.rows, '/replication/retry', asked);
  await work();
  expect(await statusOf(near, '/box/k')).toBe('COMPLETED');
  expect(await sizesAt(far)).toEqual(['1']);
});

it('a refused version comes again in the feed of its piece', async () => {
  const { near, work, state } = await inPiece();
  state.answer = { status: 403, code: 'AccessDenied' };
  await near.ask('PUT', '/box/k', { body: 'x' });
  await work();
  expect(near.rows.rowsOf('event').map(({ key }) => key.feedId)).toEqual([own]);
  delete state.answer;
  near.clock.advance(60_000);
  await work();
  expect(await statusOf(near, '/box/k')).toBe('COMPLETED');
});

it("an older version that still waits in the old piece's feed goes over first", async () => {
  const { near, far, work, feed, containerId } = await inPiece('', ({ near: h }) =>
    h.ask('PUT', '/box/k', { body: '1' }),
  );
  // What the other feed holds is not told yet.
  const stamps = near.rows.rowsOf('event').map(({ key }) => key.stamp);
  const { target, id: feedId } = feed;
  await near.rows.execute({ type: 'feed.done', containerId, target, feedId, stamps });
  await near.ask('PUT', '/box/k', { body: '22' });
  await work();
  expect(await sizesAt(far)).toEqual(['2', '1']);
});

it('a piece walks the names that it had when it fell behind', async () => {
  const { near, sent, work, containerId, feed } = await inPiece('m', async ({ near: h }) => {
    for (const key of ['a', 'lz', 'm', 's/1', 't', 'z']) {
      await h.ask('PUT', `/box/${key}`, { body: 'x' });
    }
  });
  const waiting = near.rows.rowsOf('event');
  const { target, id: feedId, purpose, rule: name } = feed;
  const stamps = waiting.map(({ key }) => micros(key.stamp));
  await near.rows.execute({ type: 'feed.done', containerId, target, feedId, stamps });
  near.rows.put({
    ...{ type: 'put', table: 'backlog', key: { containerId, target, feedId: own } },
    row: {
      ...{ containerId, account: 'AUTH_one', container: 'box', purpose, rule: name },
      ...{ pending: 0, dropped: 1, to: 't' },
    },
  });
  await work();
  expect(sent.filter((line) => line.startsWith('PUT'))).toEqual(['PUT /copy/m', 'PUT /copy/s/1']);
  expect(near.rows.rowsOf('backlog')).toEqual([]);
});

it('nothing of this is there in a container in one piece', async () => {
  const { near, far } = await pair();
  await versioned(far, 'other');
  await configure(near, rule('one'));
  await near.ask('PUT', '/box/k', { body: 'x' });
  const found = near.rows.rowsOf('container').find(({ row }) => row.feeds !== undefined);
  expect(found?.row.feeds?.[0]).not.toHaveProperty('of');
  expect(near.rows.rowsOf('backlog')[0]?.row).not.toHaveProperty('to');
});

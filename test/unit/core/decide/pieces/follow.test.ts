/** What follows a piece's commits: its feeds, and its rules of lifecycle (decision 0036). */
import { expect, it } from 'vitest';
import { copyFor } from '../../../../../server/core/decide/pieces/round.ts';
import { dueId } from '../../../../../server/core/decide/lifecycle-plan.ts';
import type { Feed } from '../../../../../server/core/model.ts';
import type { Piece } from '../../../../../server/core/pieces/piece.ts';
import {
  account,
  createContainer,
  createFixture,
  type Fixture,
  owner,
  putCommand,
  text,
} from '../../fixture.ts';

const at = { account, container: 'box' };
const feed = {
  ...{ target: 'hook', rule: 'one', prefix: '', suffix: '' },
  events: ['created:put'],
} as const;

async function followed(maxFeedEvents: number): Promise<Fixture> {
  const fixture = createFixture(undefined, {}, { maxFeedEvents });
  await createContainer(fixture.core, 'box');
  const feeds = { purpose: 'notification', feeds: [feed] } as const;
  await fixture.core.updateContainer(owner, at, { settings: {}, feeds });
  return fixture;
}

/** The container's one row gets this as its piece. */
function cut({ rows }: Fixture, piece: Partial<Piece>): string {
  const [found] = rows.rowsOf('container');
  if (found === undefined) throw new Error('no container');
  const { key, row } = found;
  const is = { of: key.containerId, from: '', round: 0, ...piece };
  rows.put({ type: 'put', table: 'container', key, row: { ...row, piece: is } });
  return key.containerId;
}

function put(fixture: Fixture, key: string): Promise<unknown> {
  return fixture.core.putObject(owner, putCommand('box', key, text('x')));
}

it('the copies of a rule, and copies of these, name the one of the container', async () => {
  const fixture = await followed(10);
  const [found] = fixture.rows.rowsOf('container');
  if (found === undefined) throw new Error('no container');
  const { containerId } = found.key;
  const piece = { of: containerId, from: 'm', round: 0 };
  const second = copyFor('b'.repeat(32), found.row, piece);
  const third = copyFor('c'.repeat(32), second, { ...piece, from: 't' });
  const idsOf = (feeds: readonly Feed[] | undefined): unknown =>
    feeds?.map(({ id, of }) => [id, of]);
  const [mark] = found.row.feeds ?? [];
  expect(idsOf(second.feeds)).toEqual([[expect.any(String), mark?.id]]);
  expect(idsOf(third.feeds)).toEqual([[expect.any(String), mark?.id]]);
  expect(new Set([mark?.id, second.feeds?.[0]?.id, third.feeds?.[0]?.id]).size).toBe(3);
});

it('what let events go knows where its piece ended at the first of them', async () => {
  const fixture = await followed(1);
  cut(fixture, { to: 'x', next: 'b'.repeat(32) });
  for (const key of ['a', 'b']) await put(fixture, key);
  const backlog = (): unknown => fixture.rows.rowsOf('backlog')[0]?.row;
  expect(backlog()).toMatchObject({ pending: 1, dropped: 1, to: 'x' });
  cut(fixture, { to: 'm', next: 'b'.repeat(32) });
  await put(fixture, 'c');
  expect(backlog()).toMatchObject({ pending: 1, dropped: 2, to: 'x' });
  // One that waited is let go: it may be about a name that lay here long before.
  const [found] = fixture.rows.rowsOf('backlog');
  if (found === undefined) throw new Error('no backlog');
  const stamps = fixture.rows.rowsOf('event').map(({ key }) => key.stamp);
  const done = { type: 'feed.done', ...found.key } as const;
  await fixture.rows.execute({ ...done, stamps, lost: 1 });
  expect(backlog()).toMatchObject({ pending: 0, dropped: 3 });
  expect(backlog()).not.toHaveProperty('to');
  await fixture.rows.execute({ ...done, stamps: [], forgetLost: true });
  expect(backlog()).toBeUndefined();
});

it('a container in one piece that let events go and was divided then is walked to its end', async () => {
  const fixture = await followed(1);
  for (const key of ['a', 'b']) await put(fixture, key);
  cut(fixture, { to: 'm', next: 'b'.repeat(32) });
  await put(fixture, 'c');
  const [backlog] = fixture.rows.rowsOf('backlog');
  expect(backlog?.row).toMatchObject({ pending: 1, dropped: 2 });
  expect(backlog?.row).not.toHaveProperty('to');
});

it('a scan plans nothing for names that have gone over meanwhile: they are scanned where they are', async () => {
  const fixture = await followed(1);
  const rules = [{ id: 'r', isEnabled: true, filter: { prefix: '' }, expiration: { days: 1 } }];
  await fixture.core.updateContainer(owner, at, { settings: {}, lifecycle: { rules } });
  const containerId = cut(fixture, { to: 'm', next: 'b'.repeat(32) });
  const id = dueId('scan', containerId, 'current');
  const scan = fixture.rows.rowsOf('due').find(({ key }) => key.id === id);
  if (scan === undefined) throw new Error('no scan');
  const { stamp } = scan.row;
  await fixture.rows.execute({
    ...{ type: 'lifecycle.plan', containerId, done: { ...scan.key, stamp } },
    dues: ['a', 'm', 'z'].map((key) => ({ key, dueAt: 1 })),
  });
  const planned = fixture.rows.rowsOf('due').flatMap(({ row }) => ('key' in row ? [row.key] : []));
  expect(planned).toEqual(['a']);
});

import { beforeEach, expect, test } from 'vitest';
import {
  type Fixture,
  GRACE_MILLIS,
  account,
  createContainer,
  createFixture,
  kindOf,
  owner,
  putCommand,
  readAll,
  reap,
} from '../fixture.ts';

const at = { account, container: 'c', key: 'k' };
let fixture: Fixture;
let containerId: string;

beforeEach(async () => {
  fixture = createFixture();
  containerId = await createContainer(fixture.core, 'c');
});

function queued(type: string): readonly { dueAt: number; id: string }[] {
  const { rows } = fixture;
  return rows.rowsOf('queue').flatMap(({ key, row }) => (row.type === type ? [key] : []));
}

test('a replaced body can be read until the grace is over', async () => {
  const { core, clock } = fixture;
  await core.putObject(owner, putCommand('c', 'k', Buffer.alloc(100, 1)));
  const reader = await core.openObject(owner, { ...at, condition: {} });
  await core.putObject(owner, putCommand('c', 'k', Buffer.alloc(100, 2)));
  clock.advance(GRACE_MILLIS - 1);
  await reap(fixture);
  expect(await readAll(reader)).toEqual(Buffer.alloc(100, 1));
  clock.advance(1);
  await reap(fixture);
  expect(await kindOf(readAll(reader))).toBe('unavailable');
});

test('a body whose fragments were not all synced is queued for repair once', async () => {
  const { core, bodies, rows, clock } = fixture;
  bodies.missing = [3, 5];
  const { row } = await core.putObject(owner, putCommand('c', 'k', Buffer.alloc(100)));
  const objectId = row.body.type === 'stored' ? row.body.stored.objectId : '';
  expect(queued('repair')).toHaveLength(1);
  const enqueue = { type: 'repair.enqueue', containerId: '', objectId } as const;
  expect(await rows.execute(enqueue)).toBe(true);
  expect(queued('repair')).toHaveLength(1);

  const done = { type: 'repair.done', containerId, objectId } as const;
  await rows.execute({ ...done, missing: [5] });
  expect(queued('repair').map((key) => key.dueAt > clock.now())).toEqual([true]);
  const claim = { containerId, objectId };
  expect(rows.peek('claim', claim)?.stored.missing).toEqual([5]);
  await rows.execute({ ...done, missing: [] });
  expect(queued('repair')).toEqual([]);
  expect(rows.peek('claim', claim)).toMatchObject({ key: 'k', stored: { missing: [] } });
});

test('with the release of a body its claim and its repair go', async () => {
  const { core, bodies, rows, clock } = fixture;
  bodies.missing = [0];
  await core.putObject(owner, putCommand('c', 'k', Buffer.alloc(100)));
  const objectId = rows.rowsOf('claim')[0]?.row.stored.objectId ?? '';
  await core.deleteObject(owner, { ...at, condition: {} });
  expect(rows.rowsOf('claim')).toHaveLength(1);
  clock.advance(GRACE_MILLIS);
  await reap(fixture);
  expect(rows.rowsOf('claim')).toEqual([]);
  expect(rows.rowsOf('queue')).toEqual([]);
  const enqueue = { type: 'repair.enqueue', containerId, objectId } as const;
  expect(await rows.execute(enqueue)).toBe(false);
  await rows.execute({ type: 'repair.done', containerId, objectId, missing: [1] });
  expect(rows.rowsOf('claim')).toEqual([]);
});

test('an expired object is absent before the expirer comes, and gone after', async () => {
  const { core, rows, clock } = fixture;
  const expiresAt = clock.now() + 5000;
  const { row } = await core.putObject(owner, putCommand('c', 'k', Buffer.alloc(4), { expiresAt }));
  const expire = { type: 'object.expire', containerId, key: 'k', version: row.version } as const;
  expect(queued('expire').map((key) => key.dueAt)).toEqual([expiresAt]);
  expect(await rows.execute({ ...expire, nowMillis: expiresAt - 1 })).toBe(false);
  clock.advance(5000);
  expect(await kindOf(core.openObject(owner, { ...at, condition: {} }))).toBe('no-such-object');
  expect((await core.deleteObject(owner, { ...at, condition: {} })).deleted).toBeUndefined();
  expect(await rows.execute({ ...expire, nowMillis: expiresAt })).toBe(false);
  expect((await core.headContainer(owner, at)).usage.versions).toBe(0);
});

test('a later expiry is queued anew, and the old one does nothing', async () => {
  const { core, rows, clock } = fixture;
  const expiresAt = clock.now() + 5000;
  const { row } = await core.putObject(owner, putCommand('c', 'k', Buffer.alloc(4), { expiresAt }));
  await core.updateObject(owner, at, { expiresAt: expiresAt + 1000 });
  const expire = { type: 'object.expire', containerId, key: 'k', version: row.version } as const;
  expect(queued('expire')).toHaveLength(2);
  expect(await rows.execute({ ...expire, nowMillis: expiresAt })).toBe(false);
  await core.updateObject(owner, at, { expiresAt: null });
  expect(await rows.execute({ ...expire, nowMillis: expiresAt + 1000 })).toBe(false);
  expect(await kindOf(core.openObject(owner, { ...at, condition: {} }))).toBe('fulfilled');
});

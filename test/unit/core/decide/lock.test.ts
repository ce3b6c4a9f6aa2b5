import { describe, expect, test } from 'vitest';
import type { Commands } from '../../../../server/core/commands.ts';
import { visibleObject } from '../../../../server/core/decide/condition.ts';
import { createDecide } from '../../../../server/core/decide/decide.ts';
import type { ObjectLock, Retention, VersionRow } from '../../../../server/core/model.ts';
import { versionIdOf } from '../../../../server/core/model.ts';
import { MemoryRows } from '../../../memory/rows.ts';
import { ManualClock } from '../../../memory/ports.ts';
import { GRACE_MILLIS, account, kindOf, text } from '../fixture.ts';

const containerId = '22'.repeat(16);
const key = 'k';
const DAY = 24 * 60 * 60 * 1000;
const limits = { maxCount: 10, maxTotalBytes: 1000 };

interface World {
  readonly rows: MemoryRows;
  readonly clock: ManualClock;
  readonly put: (lock?: ObjectLock, expiresAt?: number) => Promise<VersionRow>;
  readonly remove: (row: VersionRow, bypassGovernance?: boolean) => Promise<string>;
  readonly change: (
    row: VersionRow,
    change: { retention?: Retention | null; legalHold?: boolean },
    bypassGovernance?: boolean,
  ) => Promise<string>;
}

async function lockable(defaultRetention?: { mode: 'governance'; days: number }): Promise<World> {
  const clock = new ManualClock();
  const rows = new MemoryRows(clock, createDecide({ releaseGraceMillis: GRACE_MILLIS }));
  const about = { account, name: 'c', policy: 'ec:4+2', settings: {} };
  const lock = defaultRetention === undefined ? {} : { defaultRetention };
  const create = { containerId, ...about, versioning: 'enabled', lock } as const;
  await rows.execute({ type: 'container.create', ...create });
  return worldOf(rows, clock);
}

function worldOf(rows: MemoryRows, clock: ManualClock): World {
  return {
    rows,
    clock,
    put: async (ownLock, expiresAt) => {
      const about = { contentType: '', system: {}, user: {}, checksums: [] };
      const object = { size: 1, etag: 'e', ...about, body: { type: 'inline' as const }, expiresAt };
      const args = { containerId, key, object: { ...object, lock: ownLock }, inline: text('x') };
      return (await rows.execute({ type: 'object.put', ...args, condition: {} })).row;
    },
    remove: (row, bypassGovernance = false) => {
      const at = { containerId, key, versionId: versionIdOf(row), condition: {} };
      return kindOf(rows.execute({ type: 'object.delete', ...at, bypassGovernance }));
    },
    change: (row, change, bypassGovernance = false) => {
      const at = { containerId, key, version: row.version, change: { lock: change } };
      return kindOf(rows.execute({ type: 'object.update', ...at, bypassGovernance }));
    },
  };
}

const fulfilled = 'fulfilled';
const denied = 'access-denied';

test('governance gives way to the bypass, compliance to nobody, and both to time', async () => {
  const { clock, put, remove } = await lockable();
  const until = clock.now() + DAY;
  const governance = await put({ retention: { mode: 'governance', until } });
  const compliance = await put({ retention: { mode: 'compliance', until } });
  const third = await put({ retention: { mode: 'compliance', until } });
  expect(await remove(governance)).toBe(denied);
  expect(await remove(governance, true)).toBe(fulfilled);
  expect(await remove(compliance)).toBe(denied);
  expect(await remove(compliance, true)).toBe(denied);
  clock.advance(DAY + 1000);
  expect(await remove(compliance)).toBe(fulfilled);
  expect(await remove(third)).toBe(fulfilled);
});

test('a legal hold has no end and no bypass; a deletion without a version leaves a marker', async () => {
  const { rows, clock, put, remove, change } = await lockable();
  const held = await put({ legalHold: true });
  clock.advance(1000 * DAY);
  expect(await remove(held, true)).toBe(denied);
  const plain = { type: 'object.delete', containerId, key, condition: {} } as const;
  const { marker } = await rows.execute(plain);
  expect(marker?.kind).toBe('delete-marker');
  expect(await remove(held)).toBe(denied);
  expect(await change(held, { legalHold: false })).toBe(fulfilled);
  expect(await remove(held)).toBe(fulfilled);
});

describe('a retention that cannot be read denies', () => {
  const broken: readonly unknown[] = [
    null,
    'locked',
    { retention: null },
    { retention: 'until tomorrow' },
    { retention: { mode: 'governance' } },
    { retention: { mode: 'governance', until: '2030-01-01' } },
    { retention: { mode: 'governance', until: null } },
    { retention: { mode: 'of a later release', until: 9e15 } },
    { legalHold: 'ON' },
    { legalHold: null },
  ];
  test.each(broken.map((lock) => [JSON.stringify(lock), lock]))('%s', async (_name, lock) => {
    const { clock, put, remove, change } = await lockable();
    // As a row from disk may come: no type holds it.
    const row = await put(lock as ObjectLock);
    expect(await remove(row, true)).toBe(denied);
    const retention = { mode: 'governance', until: clock.now() + DAY } as const;
    const isHold = typeof lock === 'object' && lock !== null && 'legalHold' in lock;
    expect(await change(row, { retention }, true)).toBe(isHold ? fulfilled : denied);
    expect(await remove(row, true)).toBe(denied);
  });
});

test('retention is extended by everybody, shortened, removed or turned by who bypasses, and compliance only grows', async () => {
  const { clock, put, change } = await lockable();
  const until = clock.now() + 10 * DAY;
  const row = await put({ retention: { mode: 'governance', until } });
  const governance = (days: number): Retention => ({
    mode: 'governance',
    until: clock.now() + days * DAY,
  });
  expect(await change(row, { retention: governance(20) })).toBe(fulfilled);
  expect(await change(row, { retention: governance(5) })).toBe(denied);
  expect(await change(row, { retention: null })).toBe(denied);
  expect(await change(row, { retention: { ...governance(30), mode: 'compliance' } })).toBe(denied);
  expect(await change(row, { retention: governance(5) }, true)).toBe(fulfilled);
  expect(await change(row, { retention: governance(-1) }, true)).toBe('invalid-argument');
  expect(await change(row, { retention: null }, true)).toBe(fulfilled);
  const compliance = (days: number): Retention => ({ ...governance(days), mode: 'compliance' });
  expect(await change(row, { retention: compliance(5) })).toBe(fulfilled);
  expect(await change(row, { retention: compliance(6) })).toBe(fulfilled);
  expect(await change(row, { retention: compliance(5) }, true)).toBe(denied);
  expect(await change(row, { retention: governance(50) }, true)).toBe(denied);
  expect(await change(row, { retention: null }, true)).toBe(denied);
  clock.advance(7 * DAY);
  expect(await change(row, { retention: null })).toBe(fulfilled);
});

test('the default of the container counts from the commit; an own retention goes before it', async () => {
  const { rows, clock, put, remove } = await lockable({ mode: 'governance', days: 2 });
  const usual = await put();
  expect(usual.lock?.retention?.mode).toBe('governance');
  expect((usual.lock?.retention?.until ?? 0) - usual.version / 1000).toBeCloseTo(2 * DAY, -1);
  const held = await put({ legalHold: true });
  expect(held.lock).toMatchObject({ legalHold: true, retention: { mode: 'governance' } });
  const until = clock.now() + DAY;
  const own = await put({ retention: { mode: 'compliance', until } });
  expect(own.lock?.retention).toEqual({ mode: 'compliance', until });
  expect(await remove(usual)).toBe(denied);
  const change = { settings: {}, limits, lock: {} };
  await rows.execute({ type: 'container.update', containerId, ...change });
  expect((await put()).lock).toBeUndefined();
  expect(await remove(usual)).toBe(denied);
});

/** A version from before versioning, which expiry would remove, in a container that became lockable since. */
async function lockedNull(expires: boolean): Promise<World & { readonly row: VersionRow }> {
  const clock = new ManualClock();
  const rows = new MemoryRows(clock, createDecide({ releaseGraceMillis: GRACE_MILLIS }));
  const about = { account, name: 'c', policy: 'ec:4+2', settings: {} };
  await rows.execute({ type: 'container.create', containerId, ...about, versioning: 'off' });
  const world = worldOf(rows, clock);
  const row = await world.put(undefined, expires ? clock.now() + DAY : undefined);
  const update = { settings: {}, limits, versioning: 'enabled', lock: {} } as const;
  await rows.execute({ type: 'container.update', containerId, ...update });
  const retention = { mode: 'compliance', until: clock.now() + 5 * DAY } as const;
  expect(await world.change(row, { retention })).toBe(fulfilled);
  return { ...world, row };
}

test('an object that expires while it is locked stays readable, and goes when the lock ends', async () => {
  const { rows, clock, row } = await lockedNull(true);
  const { version, expiresAt } = row;
  const until = clock.now() + 5 * DAY;
  const due = (): number[] =>
    rows
      .rowsOf('queue')
      .flatMap(({ key: at, row: job }) => (job.type === 'expire' ? [at.dueAt] : []));
  expect(due()).toEqual([expiresAt]);
  clock.advance(DAY + 1000);
  const expire = { type: 'object.expire', containerId, key, version } as const;
  expect(await rows.execute({ ...expire, nowMillis: clock.now() })).toBe(false);
  expect(due()[1]).toBeCloseTo(until, -2);
  const current = rows.peek('current', { containerId, key });
  expect(visibleObject(current, clock.now())?.version).toBe(version);
  clock.advance(5 * DAY);
  expect(await rows.execute({ ...expire, nowMillis: clock.now() })).toBe(true);
  expect(rows.peek('current', { containerId, key })).toBeUndefined();
});

describe('a container', () => {
  const update = (
    rows: MemoryRows,
    change: Partial<Commands['container.update']['args']>,
  ): Promise<string> =>
    kindOf(
      rows.execute({ type: 'container.update', containerId, settings: {}, limits, ...change }),
    );

  test('that can be locked stays versioned', async () => {
    const { rows } = await lockable();
    expect(await update(rows, { versioning: 'suspended' })).toBe('invalid-state');
    expect(await update(rows, { versioning: 'enabled' })).toBe(fulfilled);
  });

  test('takes a lock once it is versioned; before that its objects take none', async () => {
    const clock = new ManualClock();
    const rows = new MemoryRows(clock, createDecide({ releaseGraceMillis: GRACE_MILLIS }));
    const about = { account, name: 'c', policy: 'ec:4+2', settings: {} };
    const create = { containerId, ...about, versioning: 'off' } as const;
    await rows.execute({ type: 'container.create', ...create });
    expect(await update(rows, { lock: {} })).toBe('invalid-state');
    expect(await update(rows, { versioning: 'suspended' })).toBe(fulfilled);
    expect(await update(rows, { lock: {} })).toBe('invalid-state');
    const description = { contentType: '', system: {}, user: {}, checksums: [] };
    const body = { type: 'empty' } as const;
    const object = { size: 0, etag: 'e', ...description, body, lock: { legalHold: true } };
    const put = { type: 'object.put', containerId, key, object, condition: {} } as const;
    expect(await kindOf(rows.execute(put))).toBe('invalid-argument');
    expect(await update(rows, { versioning: 'enabled', lock: {} })).toBe(fulfilled);
    expect(await kindOf(rows.execute(put))).toBe(fulfilled);
  });
});

/** Every command that can take a version out of its chain; a new one must be tried here before it is listed. */
test('no command removes a locked version, whoever sends it', async () => {
  const { rows, clock, row } = await lockedNull(true);
  clock.advance(2 * DAY);
  const at = { containerId, key };
  const remove = { type: 'object.delete', ...at, versionId: 'null', condition: {} } as const;
  const expire = { type: 'object.expire', ...at, version: row.version } as const;
  await kindOf(rows.execute(remove));
  await kindOf(rows.execute({ ...remove, leavesGap: true }));
  await kindOf(rows.execute({ ...expire, nowMillis: clock.now() }));
  expect(rows.peek('current', at)?.version).toBe(row.version);
});

test('expiry of a version with a name of its own hides it and keeps it, locked or not', async () => {
  const { rows, clock, put } = await lockable();
  const { version } = await put({ legalHold: true }, clock.now() + 1);
  clock.advance(1000);
  const expire = { type: 'object.expire', containerId, key, version } as const;
  expect(await rows.execute({ ...expire, nowMillis: clock.now() })).toBe(true);
  expect(rows.peek('current', { containerId, key })).toBeUndefined();
  expect(rows.peek('version', { containerId, key, version })?.lock).toEqual({ legalHold: true });
});

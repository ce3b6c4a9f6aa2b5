/** Reads and repairs with fragments missing: what is read of devices, and that the bytes are right. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../base/clock.ts';
import { fragmentIndex } from '../../../base/units.ts';
import type { Cell } from '../../../server/cell/cell.ts';
import type { StoredBody } from '../../../server/core/model.ts';
import { LatencyTracker } from '../../../server/proxy/latency.ts';
import type { Home, Placement } from '../../../server/proxy/placement.ts';
import { readBody } from '../../../server/proxy/read.ts';
import { StripesInFlight } from '../../../server/proxy/stripes-in-flight.ts';
import { inspectClaim, restoreClaim } from '../../../server/work/redundancy.ts';
import type { FragmentStore } from '../../../storage/fragment/fragment.ts';
import { listed, Machine } from '../cell/fixture.ts';

const MiB = 1024 * 1024;
const containerId = '11'.repeat(16);
const machine = new Machine(12);
let cell: Cell;

beforeAll(async () => {
  cell = await machine.open(
    listed({ name: 'lrc', scheme: 'lrc:8+2+2' }, { name: 'ec', scheme: 'ec:8+4' }),
  );
});
afterAll(() => cell.close());

interface Stored {
  readonly bytes: Uint8Array;
  readonly stored: StoredBody;
  readonly homes: readonly Home[];
}

async function write(policy: string, size: number): Promise<Stored> {
  const bytes = machine.random.bytes(size);
  const target = { account: 'a', container: 'c', containerId, key: 'k', policy };
  const stored = await cell.bodies.write(
    target,
    (async function* () {
      yield bytes.slice();
    })(),
  );
  const homes = cell.placement.homes(cell.placement.policy(policy), stored.partition);
  return { bytes, stored, homes };
}

/** The homes, and how many units of which index are read from them. */
function counting(homes: readonly Home[]): { homes: readonly Home[]; reads: number[] } {
  const reads: number[] = [];
  const counted = homes.map((home) => {
    const { store, index } = home;
    if (store === undefined) return home;
    const proxied = new Proxy(store, {
      get(target, name): unknown {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]): unknown => {
          if (name === 'read') reads.push(index);
          return Reflect.apply(value, target, args);
        };
      },
    });
    return { ...home, store: proxied satisfies FragmentStore };
  });
  return { homes: counted, reads };
}

async function lose(of: Stored, stripe: number, ...indexes: readonly number[]): Promise<void> {
  for (const index of indexes) {
    const id = { objectId: of.stored.objectId, stripe, index: fragmentIndex(index) };
    await of.homes[index]?.store?.removeOne(id);
  }
}

/** Nothing is found anywhere else. */
const nowhere: Placement['search'] = async (ids) => ids.map(() => undefined);

async function read(of: Stored, homes: readonly Home[], search = nowhere): Promise<Buffer> {
  const context = {
    clock: systemClock,
    settings: {
      readAheadStripes: 2,
      stripesInFlight: 8,
      hedgeMinMillis: 2000,
      hedgeMaxMillis: 2000,
    },
    latency: new LatencyTracker(),
    inFlight: new StripesInFlight(8),
    onDamage: () => undefined,
  };
  const policy = cell.placement.policy(of.stored.policy);
  const pieces: Uint8Array[] = [];
  const range = { start: 0, end: of.stored.size };
  const job = { stored: of.stored, policy, homes: () => homes, search };
  for await (const piece of readBody(context, job, range)) pieces.push(piece);
  return Buffer.concat(pieces);
}

const claimOf = (of: Stored) => ({ containerId, key: 'k', stored: of.stored });

/** Rebuilds what is missing and tells which units were read for it. */
async function repair(of: Stored): Promise<readonly number[]> {
  const found = await inspectClaim(cell.placement, claimOf(of));
  const { homes, reads } = counting(found.homes);
  const lacks = found.lacks.map((lack) => ({ ...lack, home: homes[lack.home.index] ?? lack.home }));
  await restoreClaim({ placement: cell.placement }, claimOf(of), { ...found, homes, lacks });
  const after = await inspectClaim(cell.placement, claimOf(of));
  expect(after.fragmentsPresent).toBe(after.fragmentsNeeded);
  return reads;
}

describe('one lost fragment', () => {
  it.each([
    ['lrc', 0, 4],
    ['lrc', 5, 4],
    ['lrc', 8, 4],
    ['lrc', 11, 8],
    ['ec', 0, 8],
    ['ec', 11, 8],
  ])('of %s, index %i, is rebuilt from %i others', async (policy, index, count) => {
    const body = await write(policy, 3 * MiB);
    await lose(body, 1, index);
    const reads = await repair(body);
    expect(reads).toHaveLength(count);
    const { homes } = counting(body.homes);
    expect(Buffer.compare(await read(body, homes), body.bytes)).toBe(0);
  });

  it('is read around with the others of its half only', async () => {
    const body = await write('lrc', MiB);
    await lose(body, 0, 2);
    const { homes, reads } = counting(body.homes);
    expect(Buffer.compare(await read(body, homes), body.bytes)).toBe(0);
    // All data, of which one is not there, and the parity of its half.
    expect(
      reads.filter((index, at) => reads.indexOf(index) === at).toSorted((a, b) => a - b),
    ).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  });
});

describe('several lost fragments', () => {
  it.each([
    ['lrc', [0, 1, 2]],
    ['lrc', [0, 8, 10]],
    ['lrc', [0, 1, 4, 5]],
    ['lrc', [8, 9, 10, 11]],
    ['ec', [0, 1, 2, 3]],
  ])('of %s, %j, are read around and rebuilt', async (policy, lost) => {
    const body = await write(policy, MiB + 12_345);
    for (const stripe of [0, 1]) await lose(body, stripe, ...lost);
    expect(Buffer.compare(await read(body, body.homes), body.bytes)).toBe(0);
    await repair(body);
    expect(Buffer.compare(await read(body, body.homes), body.bytes)).toBe(0);
  });

  it.each([
    ['lrc', [0, 1, 2, 3]],
    ['ec', [0, 1, 2, 3, 4]],
  ])('of %s, %j, beyond its strength are an error', async (policy, lost) => {
    const body = await write(policy, MiB);
    await lose(body, 0, ...lost);
    await expect(read(body, body.homes)).rejects.toMatchObject({ kind: 'corrupt' });
    const found = await inspectClaim(cell.placement, claimOf(body));
    const context = { placement: cell.placement };
    await expect(restoreClaim(context, claimOf(body), found)).rejects.toMatchObject({
      kind: 'corrupt',
    });
  });
});

describe('devices that are away', () => {
  it('leave an lrc readable, up to any three', async () => {
    const body = await write('lrc', MiB);
    for (const away of [
      [0, 1, 2],
      [3, 9, 11],
      [0, 4, 10],
    ]) {
      const homes = body.homes.map((home) =>
        away.includes(home.index) ? { ...home, store: undefined } : home,
      );
      expect(Buffer.compare(await read(body, homes), body.bytes)).toBe(0);
    }
    const none = body.homes.map((home) => (home.index < 4 ? { ...home, store: undefined } : home));
    await expect(read(body, none)).rejects.toMatchObject({ kind: 'unavailable' });
  });
});

describe('fragments that are not at home', () => {
  /** Moves fragments to homes of other indexes. */
  async function misplace(of: Stored, ...indexes: readonly number[]): Promise<void> {
    for (const index of indexes) {
      const id = { objectId: of.stored.objectId, stripe: 0, index: fragmentIndex(index) };
      const found = await of.homes[index]?.store?.read(id);
      const other = of.homes[(index + 1) % of.homes.length]?.store;
      if (found === undefined || other === undefined) throw new Error('no such fragment');
      await other.append([{ header: found.header, unit: found.bytes }]);
      await other.commit();
      await lose(of, 0, index);
    }
  }

  it('are looked for on every device before a read fails', async () => {
    const body = await write('ec', MiB);
    await misplace(body, 0, 1, 2, 3, 4);
    await expect(read(body, body.homes)).rejects.toMatchObject({ kind: 'corrupt' });
    const search = cell.placement.search.bind(cell.placement);
    expect(Buffer.compare(await read(body, body.homes, search), body.bytes)).toBe(0);
    await repair(body);
    expect(Buffer.compare(await read(body, body.homes), body.bytes)).toBe(0);
  });

  it('are read, and copied home, from where they were before', async () => {
    const body = await write('ec', MiB);
    await misplace(body, 0, 3, 6);
    const homes = body.homes.map((home, index) => {
      const other = body.homes[(index + 1) % body.homes.length];
      return other === undefined ? home : { ...home, others: [other] };
    });
    const placement = {
      search: nowhere,
      policy: () => cell.placement.policy('ec'),
      homesOf: () => homes,
    };
    const found = await inspectClaim(placement, claimOf(body));
    expect(found).toMatchObject({ missing: [], fragmentsPresent: 12, fragmentsHome: 9 });
    const { homes: counted, reads } = counting(homes);
    expect(Buffer.compare(await read(body, counted), body.bytes)).toBe(0);
    // Nothing was decoded: one read for each data unit, at home or where it was.
    expect(reads.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    const restored = await restoreClaim({ placement }, claimOf(body), found);
    expect(restored).toMatchObject({ copied: 3, rebuilt: 0 });
    expect(await inspectClaim(placement, claimOf(body))).toMatchObject({ fragmentsHome: 12 });
  });
});

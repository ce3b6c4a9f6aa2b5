import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../base/clock.ts';
import type { Cell } from '../../../../server/cell/cell.ts';
import type { WorkSettings } from '../../../../server/cell/workers.ts';
import { accountIdOf } from '../../../../server/core/ids.ts';
import type { Id } from '../../../../server/core/model.ts';
import { decodeRow, localRange } from '../../../../server/proxy/row-codec.ts';
import { extentIn, ownerIn } from '../../../../storage/shard/ranges/extent.ts';
import type { Shard } from '../../../../storage/shard/shard.ts';
import { listed } from '../../cell/fixture.ts';
import { account, Store } from '../../rings/store.ts';

const policies = listed({ scheme: 'ec:4+2' });
const work: Partial<WorkSettings> = { pouredRows: 4 };

let store: Store;
let cell: Cell;
let containerId: Id;

beforeEach(async () => {
  store = new Store(7, policies, work);
  cell = await store.open();
  const line = await cell.rows.get('directory', {
    ...{ accountId: accountIdOf(account), name: 'things' },
  });
  containerId = line?.containerId ?? '';
});
afterEach(() => store.close());

const nameOf = (number: number): string => `key/${String(number).padStart(3, '0')}`;

/** Some in rows, some on devices. */
async function fill(count: number): Promise<void> {
  for (let number = 0; number < count; number++) {
    await store.put(nameOf(number), number % 3 === 0 ? 2000 : 100);
  }
}

const shardOf = (id: Id): Shard['id'] => {
  const owner = ownerIn(cell.coordinator.current().shards, id);
  if (owner === undefined) throw new Error('no shard owns it');
  return owner.id;
};

/** A new shard may have no primary yet. */
async function stepUntil(isOver: () => boolean, asked: Promise<void>): Promise<void> {
  let isRefused = false;
  asked.catch(() => {
    isRefused = true;
  });
  const end = performance.now() + 20_000;
  while (!isOver() && !isRefused && performance.now() < end) {
    await store.step('shard-splitter');
    await systemClock.sleep(1);
  }
}

async function divide(id: Id): Promise<void> {
  let isDone = false;
  const asked = cell.workers.split({ shard: shardOf(id), divide: id }).then(() => {
    isDone = true;
  });
  asked.catch(() => undefined);
  await stepUntil(() => isDone, asked);
  await asked;
}

async function names(): Promise<readonly string[]> {
  const all = { prefix: '', delimiter: '', after: undefined, before: undefined, reverse: false };
  const page = await cell.rows.listCurrent(containerId, { ...all, limit: 1000 });
  return page.items.map(({ name }) => name);
}

/** Whether what a shard keeps beside an object names the piece that the object is in, and is in its shard. */
async function misplaced(): Promise<readonly string[]> {
  const wrong: string[] = [];
  const pieces = await cell.rows.pieces(containerId);
  for (const shard of cell.group.all()) {
    const ids = extentIn(cell.coordinator.current().shards, shard.id);
    for (const row of await shard.scan({ ...localRange('claim'), limit: 1000 })) {
      const { key, containerId: named } = decodeRow<'claim'>(row.meta);
      if (key === '') continue;
      const own = pieces.findLast(({ piece }) => piece.from <= key)?.id;
      const isHere = ids !== undefined && ids.start <= named && (ids.end ?? 'g') > named;
      if (named !== own || !isHere) wrong.push(`${key} of ${named} in ${shard.id}`);
    }
  }
  return wrong;
}

async function pours(): Promise<number> {
  const found = await Promise.all(
    cell.group.all().map((shard) => shard.scan({ ...localRange('pour'), limit: 10 })),
  );
  return found.flat().length;
}

async function checkAll(count: number): Promise<void> {
  expect(await store.wrong()).toEqual([]);
  expect(await names()).toEqual([...store.written.keys()].toSorted());
  expect(await cell.rows.usage(containerId)).toMatchObject({ objects: count, versions: count });
  expect(await misplaced()).toEqual([]);
  expect(await pours()).toBe(0);
}

describe('a container that is divided', () => {
  it('lies in two shards, half in each, and everything is as it was', async () => {
    await fill(45);
    const before = await cell.rows.usage(containerId);
    await divide(containerId);
    const pieces = await cell.rows.pieces(containerId);
    expect(pieces.map(({ usage }) => usage.objects)).toEqual([23, 22]);
    expect(pieces.map(({ piece }) => [piece.from, piece.to])).toEqual([
      ['', nameOf(23)],
      [nameOf(23), undefined],
    ]);
    expect(new Set(pieces.map(({ id }) => shardOf(id))).size).toBe(2);
    const { isPart: _, ...sums } = await cell.rows.usage(containerId);
    expect(sums).toEqual(before);
    await checkAll(45);
  });

  it('is divided again, in any of its pieces', async () => {
    await fill(40);
    await divide(containerId);
    const [, second] = await cell.rows.pieces(containerId);
    await divide(second?.id ?? '');
    await divide(containerId);
    const pieces = await cell.rows.pieces(containerId);
    expect(pieces.map(({ usage }) => usage.objects)).toEqual([10, 10, 10, 10]);
    await store.put('a', 3000);
    await store.put('z', 3000);
    await checkAll(42);
  });

  it('is divided where it is by then, when it was asked for before a split', async () => {
    await fill(40);
    const shard = shardOf(containerId);
    let done = 0;
    const asked = [1, 2, 3].map(() =>
      cell.workers.split({ shard, divide: containerId }).then(() => {
        done++;
      }),
    );
    const all = Promise.all(asked).then(() => undefined);
    await stepUntil(() => done === 3, all);
    await all;
    const pieces = await cell.rows.pieces(containerId);
    expect(pieces.map(({ usage }) => usage.objects)).toEqual([5, 5, 10, 20]);
    await checkAll(40);
  });

  it('goes on where another process was cut off, and is not parted before', async () => {
    await fill(40);
    const asked = cell.workers.split({ shard: shardOf(containerId), divide: containerId });
    asked.catch(() => undefined);
    for (let steps = 0; steps < 4; steps++) await store.step('shard-splitter');
    const poured = (await cell.rows.pieces(containerId))[1]?.usage.objects ?? 0;
    expect(poured).toBeGreaterThan(0);
    expect(poured).toBeLessThan(20);
    cell = await store.open();
    expect(await pours()).toBe(1);
    expect(await store.wrong()).toEqual([]);
    // One that is asked for meanwhile waits.
    const [, second] = await cell.rows.pieces(containerId);
    const at = [containerId, second?.id ?? ''].toSorted()[1] ?? '';
    let isSplit = false;
    const splitting = cell.workers.split({ shard: shardOf(containerId), at }).then(() => {
      isSplit = true;
    });
    while ((await pours()) > 0) {
      expect(shardOf(containerId)).toBe(shardOf(second?.id ?? ''));
      await store.step('shard-splitter');
    }
    await stepUntil(() => isSplit, splitting);
    await splitting;
    expect((await cell.rows.pieces(containerId)).map(({ usage }) => usage.objects)).toEqual([
      20, 20,
    ]);
    await checkAll(40);
  });

  it('keeps what is written meanwhile', async () => {
    await fill(40);
    let isDone = false;
    const dividing = cell.workers
      .split({ shard: shardOf(containerId), divide: containerId })
      .then(() => {
        isDone = true;
      });
    for (let round = 0; !isDone && round < 2000; round++) {
      await Promise.all([
        store.step('shard-splitter'),
        store.put(nameOf((round * 7) % 50), 2000),
        store.put(`zz/${round % 10}`, 10),
      ]);
    }
    await dividing;
    expect(await cell.rows.pieces(containerId)).toHaveLength(2);
    await checkAll(store.written.size);
  });
});

it('an object of more parts than are poured at once goes over whole', async () => {
  await store.put('a', 10);
  await store.put('b', 10);
  await store.putParts('c', 9);
  await store.put('d', 10);
  await divide(containerId);
  const pieces = await cell.rows.pieces(containerId);
  expect(pieces.map(({ piece }) => piece.from)).toEqual(['', 'c']);
  await checkAll(4);
});

it('a container of one object is not divided', async () => {
  await store.put('a', 10);
  await expect(divide(containerId)).rejects.toMatchObject({ kind: 'conflict' });
  expect(await cell.rows.pieces(containerId)).toEqual([]);
});

/** Seeded lives of one device: work, crash, look, again. A failure names its seed. */
import { describe, expect, it } from 'vitest';
import { isStoreError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import type { KeyValueStore } from '../../storage/device/fragment-index.ts';
import type { DeviceFragmentStore } from '../../storage/device/fragment-store.ts';
import { type Loss, SimDisk } from '../sim/disk.ts';
import { SeededRandom } from '../sim/random.ts';
import {
  bytesOf,
  fragment,
  memoryIndex,
  openStore,
} from '../unit/storage/device/device-fixture.ts';
import { keptBatches, type Mark, recordedIndex } from './device-check.ts';

/** What must, may and must not be read back. */
class Model {
  readonly committed = new Set<number>();
  readonly removed = new Set<number>();
  next = 0;

  lengthOf(seed: number): number {
    return 1 + ((seed * 7919) % 14_000);
  }
}

async function work(store: DeviceFragmentStore, model: Model, random: Random): Promise<void> {
  const roll = random.fraction();
  if (roll < 0.6) {
    const seeds = Array.from({ length: 1 + Math.floor(random.fraction() * 3) }, () => model.next++);
    await store.append(seeds.map((seed) => fragment(seed, model.lengthOf(seed))));
    if (random.fraction() < 0.3) return;
    await store.commit();
    for (const seed of seeds) model.committed.add(seed);
  } else if (roll < 0.9) {
    const seed = Math.floor(random.fraction() * model.next);
    model.removed.add(seed);
    await store.removeOne(fragment(seed, 1).header);
  } else {
    const id = store.nextCompaction();
    if (id !== undefined) await store.compactVolume(id, async () => undefined);
  }
}

async function check(store: DeviceFragmentStore, model: Model): Promise<void> {
  for (let seed = 0; seed < model.next; seed++) {
    const read = await store.read(fragment(seed, 1).header);
    const must = model.committed.has(seed) && !model.removed.has(seed);
    if (must) expect(read, `fragment ${seed}`).toBeDefined();
    if (read === undefined) continue;
    expect(Buffer.compare(read.bytes, bytesOf(seed, model.lengthOf(seed)))).toBe(0);
  }
}

async function survivors(marks: readonly Mark[], choice: number): Promise<KeyValueStore> {
  const index = memoryIndex();
  for (const operations of keptBatches(marks)[choice] ?? []) {
    await index.batch(operations, { keyEncoding: 'view', valueEncoding: 'view' });
  }
  return index;
}

async function live(seed: number): Promise<{ checked: number }> {
  const random = new SeededRandom(seed);
  const disk = new SimDisk();
  const model = new Model();
  const marks: Mark[] = [];
  let base: KeyValueStore = memoryIndex();
  let checked = 0;
  for (let crash = 0; crash < 4; crash++) {
    const index = recordedIndex((mark) => marks.push(mark), base);
    const store = await openStore(disk.session(), index);
    await check(store, model);
    checked += model.committed.size;
    const stopAfter = Math.floor(random.fraction() * 150);
    let operations = 0;
    disk.hook(() => {
      // In the midst of an operation: what it had under way is un-synced, or never happened.
      if (++operations === stopAfter) {
        const losses: readonly Loss[] = ['all', 'some', 'tear', 'none'];
        disk.crash(random, { lose: losses[crash] ?? 'all' });
      }
    });
    const jobs = Array.from({ length: 3 }, async () => {
      for (let i = 0; i < 25; i++) await work(store, model, random);
    });
    for (const { status, ...rest } of await Promise.allSettled(jobs)) {
      if (status === 'rejected' && 'reason' in rest && !isStoreError(rest.reason))
        throw rest.reason;
    }
    disk.hook(undefined);
    disk.crash(random, { lose: 'tear' });
    base = await survivors(marks, Math.floor(random.fraction() * 5));
    // What survived is what the next life starts from: synced, as far as it is concerned.
    const entries = await base.iterator({ keyEncoding: 'view', valueEncoding: 'view' }).all();
    const operationsLeft = entries.map(([key, value]) => ({ type: 'put' as const, key, value }));
    marks.splice(0, marks.length, { type: 'index', operations: operationsLeft, synced: true });
    marks.push({ type: 'index', operations: [], synced: true });
  }
  const last = await openStore(disk.session(), base);
  await check(last, model);
  return { checked: checked + model.committed.size };
}

describe('a device through many crashes', () => {
  it.each(Array.from({ length: 60 }, (_, seed) => seed))('seed %i', async (seed) => {
    expect((await live(seed)).checked).toBeGreaterThanOrEqual(0);
  });
});

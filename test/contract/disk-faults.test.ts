/** The faults of the simulated disk: a fake that is kinder than a real disk would prove nothing. */
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../base/bytes.ts';
import type { Clock } from '../../base/clock.ts';
import { createDurably } from '../../base/disk.ts';
import { SimDisk } from '../sim/disk.ts';
import { SeededRandom } from '../sim/random.ts';

/** Time that moves only when the test says so. */
class ManualClock implements Clock {
  #now = 0;
  readonly #waiting: { readonly at: number; readonly wake: () => void }[] = [];
  now = (): number => this.#now;
  monotonic = (): number => this.#now;
  sleep(millis: number): Promise<void> {
    return new Promise((wake) => this.#waiting.push({ at: this.#now + millis, wake }));
  }
  after(): () => void {
    return () => undefined;
  }
  turn(): Promise<void> {
    return Promise.resolve();
  }
  async advance(millis: number): Promise<void> {
    this.#now += millis;
    for (const { at, wake } of this.#waiting) if (at <= this.#now) wake();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const page = (value: number): Uint8Array => new Uint8Array(4096).fill(value);

describe('a crash of the simulated disk', () => {
  it('keeps names only after a sync of their folder, and content only after a sync of the file', async () => {
    const disk = new SimDisk();
    const named = await disk.create('named');
    await disk.syncDirectory('');
    const nameless = await disk.create('nameless');
    for (const file of [named, nameless]) {
      await file.write(0, [page(1)]);
      await file.sync();
      await file.write(4096, [page(2)]);
    }
    disk.crash(new SeededRandom(1), { lose: 'all' });
    expect(await disk.list('')).toEqual(['named']);
    expect(await disk.readAll('named')).toEqual(page(1));
    await expect(named.sync()).rejects.toMatchObject({ kind: 'internal' });
  });

  it('brings back what was removed or renamed without a sync', async () => {
    const disk = new SimDisk();
    await createDurably(disk, 'a', page(1));
    await createDurably(disk, 'b', page(2));
    await disk.remove('a');
    await disk.rename('b', 'c');
    await disk.makeDirectory('d');
    expect(await disk.list('')).toEqual(['c', 'd']);
    disk.crash(new SeededRandom(1), { lose: 'all' });
    expect(await disk.list('')).toEqual(['a', 'b']);
    expect(await disk.readAll('a')).toEqual(page(1));
  });

  it('keeps everything when only the process dies, and still loses it with the power', async () => {
    const disk = new SimDisk();
    const session = disk.session();
    await (await session.create('a')).write(0, [page(1)]);
    disk.crash(new SeededRandom(1), { lose: 'none' });
    expect(await disk.readAll('a')).toEqual(page(1));
    await expect(session.list('')).rejects.toMatchObject({ kind: 'internal' });
    disk.crash(new SeededRandom(1), { lose: 'all' });
    expect(await disk.list('')).toEqual([]);
  });

  it('keeps un-synced writes in any combination, and tears them by sectors', async () => {
    const whole = new Set<string>();
    const torn = new Set<string>();
    for (let seed = 0; seed < 100; seed++) {
      for (const lose of ['some', 'tear'] as const) {
        const disk = new SimDisk();
        await createDurably(disk, 'a', new Uint8Array(8192));
        const file = await disk.open('a');
        await file?.write(0, [page(1)]);
        await file?.write(4096, [page(2)]);
        disk.crash(new SeededRandom(seed), { lose });
        const bytes = (await disk.readAll('a')) ?? new Uint8Array(0);
        const sectors = Array.from({ length: 16 }, (_, i) => bytes[512 * i]).join('');
        (lose === 'some' ? whole : torn).add(sectors);
      }
    }
    const choices = [
      '0000000000000000',
      '1111111100000000',
      '0000000022222222',
      '1111111122222222',
    ];
    expect([...whole].sort()).toEqual(choices.sort());
    expect(torn.size).toBeGreaterThan(20);
  });

  it('covers by a sync only what was written before its call', async () => {
    const clock = new ManualClock();
    const disk = new SimDisk({ clock, latencyMillis: ({ type }) => (type === 'sync' ? 10 : 1) });
    const opened = disk.create('a');
    await clock.advance(1);
    const file = await opened;
    const named = disk.syncDirectory('');
    const first = file.write(0, [page(1)]);
    await clock.advance(1);
    await Promise.all([named, first]);
    const sync = file.sync();
    const second = file.write(4096, [page(2)]);
    await clock.advance(1);
    await second;
    await clock.advance(10);
    await sync;
    disk.crash(new SeededRandom(1), { lose: 'all' });
    const read = disk.readAll('a');
    await clock.advance(1);
    expect(await read).toEqual(page(1));
  });

  it('changes nothing more by what was under way', async () => {
    const clock = new ManualClock();
    const disk = new SimDisk({ clock, latencyMillis: () => 5 });
    const creation = expect(disk.create('a')).rejects.toMatchObject({ kind: 'internal' });
    disk.crash(new SeededRandom(1), { lose: 'none' });
    await clock.advance(5);
    await creation;
    const names = disk.list('');
    await clock.advance(5);
    expect(await names).toEqual([]);
  });
});

describe('a fault of the simulated disk', () => {
  it('loses for good what a failed sync should have kept', async () => {
    const disk = new SimDisk();
    const file = await disk.create('a');
    await disk.syncDirectory('');
    await file.write(0, [page(1)]);
    disk.fail('syncs');
    await expect(file.sync()).rejects.toMatchObject({ kind: 'corrupt' });
    disk.fail('nothing');
    await file.sync();
    expect(await disk.readAll('a')).toEqual(page(1));
    disk.crash(new SeededRandom(1), { lose: 'all' });
    expect(await disk.readAll('a')).toEqual(new Uint8Array(0));
  });

  it('fails reads, writes or all', async () => {
    const disk = new SimDisk();
    const file = await disk.create('a');
    disk.fail('reads');
    await file.write(0, [page(1)]);
    await expect(file.read(0, page(0))).rejects.toMatchObject({ kind: 'corrupt' });
    expect(() => file.readSync(0, page(0))).toThrow('failed');
    disk.fail('writes');
    expect(await file.read(0, page(0))).toBe(4096);
    await expect(file.write(0, [page(1)])).rejects.toMatchObject({ kind: 'corrupt' });
    await expect(disk.create('b')).rejects.toMatchObject({ kind: 'corrupt' });
    disk.fail('all');
    await expect(disk.space()).rejects.toMatchObject({ kind: 'corrupt' });
    await expect(disk.list('')).rejects.toMatchObject({ kind: 'corrupt' });
  });

  it('fills up, having written what fits', async () => {
    const disk = new SimDisk({ capacityBytes: 10_000 });
    const file = await disk.create('a');
    await file.write(0, [page(1), page(2)]);
    await expect(file.write(8192, [page(3)])).rejects.toMatchObject({ kind: 'full' });
    expect(await file.size()).toBe(10_000);
    expect(await disk.space()).toEqual({ freeBytes: 0, totalBytes: 10_000 });
    await file.write(0, [page(4)]);
    await file.close();
    await disk.remove('a');
    expect((await disk.space()).freeBytes).toBe(10_000);
  });

  it('flips bits in cache and on the medium', async () => {
    const disk = new SimDisk();
    await createDurably(disk, 'a', utf8('abc'));
    disk.flip('a', 1, 5);
    expect(await disk.readAll('a')).toEqual(utf8('aBc'));
    disk.crash(new SeededRandom(1), { lose: 'all' });
    expect(await disk.readAll('a')).toEqual(utf8('aBc'));
  });

  it('clones and wipes', async () => {
    const disk = new SimDisk();
    await createDurably(disk, 'a', utf8('abc'));
    const copy = disk.clone();
    disk.wipe();
    expect(await disk.list('')).toEqual([]);
    expect(await copy.readAll('a')).toEqual(utf8('abc'));
  });
});

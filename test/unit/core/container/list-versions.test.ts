import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Core, VersionPage } from '../../../../server/core/api.ts';
import { versionIdOf } from '../../../../server/core/model.ts';
import type { RowStore } from '../../../../server/core/ports.ts';
import {
  account,
  createContainer,
  createFixture,
  kindOf,
  owner,
  pageQuery,
  putCommand,
  text,
} from '../fixture.ts';

const address = { account, container: 'c' };

function put(core: Core, key: string): ReturnType<Core['putObject']> {
  return core.putObject(owner, putCommand('c', key, text('x')));
}

function remove(core: Core, key: string, versionId?: string): ReturnType<Core['deleteObject']> {
  return core.deleteObject(owner, { ...address, key, versionId, condition: {} });
}

function shown(page: VersionPage): readonly string[] {
  return page.items.map((item) =>
    item.type === 'group'
      ? item.name
      : `${item.name} ${item.row.kind}${item.isLatest ? ' latest' : ''}`,
  );
}

test('current first, then older ones; a marker that is newest is the latest', async () => {
  const { core } = createFixture();
  await createContainer(core, 'c', 'enabled');
  await put(core, 'a');
  await put(core, 'a');
  await put(core, 'b');
  await remove(core, 'b');
  await put(core, 'd/x');
  await remove(core, 'd/x');
  await put(core, 'd/y');
  expect(shown(await core.listVersions(owner, address, pageQuery()))).toEqual([
    'a object latest',
    'a object',
    'b delete-marker latest',
    'b object',
    'd/x delete-marker latest',
    'd/x object',
    'd/y object latest',
  ]);
  const grouped = await core.listVersions(owner, address, pageQuery({ delimiter: '/', limit: 5 }));
  expect(shown(grouped).at(-1)).toBe('d/');
  expect(grouped.truncated).toBe(false);
  const objects = await core.listObjects(owner, address, pageQuery({ delimiter: '/' }));
  expect(objects.page.items.map((item) => item.name)).toEqual(['a', 'd/']);
});

test('a listing of objects meets no markers, and no groups of markers only', async () => {
  const { core } = createFixture();
  await createContainer(core, 'c', 'enabled');
  for (let i = 0; i < 50; i++) {
    await put(core, `gone/${i}`);
    await remove(core, `gone/${i}`);
  }
  await put(core, 'z');
  const query = pageQuery({ delimiter: '/', limit: 1 });
  const { page } = await core.listObjects(owner, address, query);
  expect(page.items.map((item) => item.name)).toEqual(['z']);
  expect(page.truncated).toBe(false);
});

test('a reader that deletes what it listed meets every version', async () => {
  const { core } = createFixture();
  await createContainer(core, 'c');
  await put(core, 'k');
  await core.updateContainer(owner, address, { settings: {}, versioning: 'enabled' });
  for (let i = 0; i < 4; i++) await put(core, 'k');
  await core.updateContainer(owner, address, { settings: {}, versioning: 'suspended' });
  await remove(core, 'k');
  await put(core, 'l');
  let marker: { after: string; afterVersionId: string } | undefined;
  let removed = 0;
  for (;;) {
    const query = { ...pageQuery({ limit: 2 }), ...marker };
    const page = await core.listVersions(owner, address, query);
    for (const item of page.items) {
      if (item.type === 'group') continue;
      marker = { after: item.name, afterVersionId: versionIdOf(item.row) };
      expect((await remove(core, item.name, marker.afterVersionId)).deleted).toBeDefined();
      removed++;
    }
    if (!page.truncated) break;
  }
  expect(removed).toBe(6);
  expect(await kindOf(core.deleteContainer(owner, address))).toBe('fulfilled');
});

/** The same rows, as an object that can be spread. */
function passedOn(rows: RowStore): RowStore {
  return {
    execute: (command) => rows.execute(command),
    get: (table, key) => rows.get(table, key),
    getWithBody: (table, key) => rows.getWithBody(table, key),
    listDirectory: (id, query) => rows.listDirectory(id, query),
    listCurrent: (id, query) => rows.listCurrent(id, query),
    listVersions: (id, query) => rows.listVersions(id, query),
    listUploads: (id, query) => rows.listUploads(id, query),
    listTombstones: (id, query) => rows.listTombstones(id, query),
    listParts: (at, after, limit) => rows.listParts(at, after, limit),
    usage: (id) => rows.usage(id),
    accountUsage: (id) => rows.accountUsage(id),
  };
}

/** Writes that happen just before the n-th listing read, each chosen by a number. */
function disturbed(write: (call: number) => Promise<void>): (rows: RowStore) => RowStore {
  return (rows) => {
    let calls = 0;
    const listen = async <T>(call: () => Promise<T>): Promise<T> => {
      await write(calls++);
      return call();
    };
    return {
      ...passedOn(rows),
      listCurrent: (id, query) => listen(() => rows.listCurrent(id, query)),
      listVersions: (id, query) => listen(() => rows.listVersions(id, query)),
    };
  };
}

test('versions that stay are listed once each, whatever is written meanwhile', async () => {
  const write = fc.constantFrom('put', 'marker', 'delete-newest', 'nothing', 'nothing');
  await fc.assert(
    fc.asyncProperty(fc.array(write, { maxLength: 12 }), async (writes) => {
      const made: string[] = [];
      const fixture = createFixture(
        disturbed(async (call) => {
          const what = writes[call];
          if (what === 'put') made.push(versionIdOf((await put(fixture.core, 'k')).row));
          if (what === 'marker') {
            const { marker } = await remove(fixture.core, 'k');
            if (marker !== undefined) made.push(versionIdOf(marker));
          }
          const newest = made.at(-1);
          if (what === 'delete-newest' && newest !== undefined) {
            await remove(fixture.core, 'k', newest);
            made.pop();
          }
        }),
      );
      const { core } = fixture;
      await createContainer(core, 'c', 'enabled');
      const stay = [await put(core, 'k'), await put(core, 'k')].map(({ row }) => versionIdOf(row));
      const page = await core.listVersions(owner, address, pageQuery());
      const ids = page.items.map((item) => (item.type === 'row' ? versionIdOf(item.row) : ''));
      expect(new Set(ids).size).toBe(ids.length);
      if (!page.truncated) for (const id of stay) expect(ids).toContain(id);
      expect(ids).toEqual(ids.toSorted().toReversed());
      const latest = page.items.map((item) => item.type === 'row' && item.isLatest);
      expect(latest).toEqual(latest.map((_, index) => index === 0));
    }),
    { numRuns: 300, seed: 3 },
  );
});

/** Counts what a listing reads of the rows below: calls, and rows that they return. */
function counting(): { wrap: (rows: RowStore) => RowStore; take: () => readonly number[] } {
  let calls = 0;
  let rowsRead = 0;
  const counted = async <P extends { readonly items: readonly unknown[] }>(
    page: Promise<P>,
  ): Promise<P> => {
    const read = await page;
    calls++;
    rowsRead += read.items.length;
    return read;
  };
  return {
    wrap: (rows) => ({
      ...passedOn(rows),
      get: (table, key) => {
        calls++;
        return rows.get(table, key);
      },
      listCurrent: (id, query) => counted(rows.listCurrent(id, query)),
      listVersions: (id, query) => counted(rows.listVersions(id, query)),
    }),
    take: () => {
      const taken = [calls, rowsRead];
      calls = 0;
      rowsRead = 0;
      return taken;
    },
  };
}

test('a page of 10,000 versions of one key costs the same wherever it begins', async () => {
  const counter = counting();
  const { core } = createFixture(counter.wrap);
  await createContainer(core, 'c', 'enabled');
  const ids: string[] = [];
  for (let n = 0; n < 10_000; n++) ids.push(versionIdOf((await put(core, 'k')).row));
  const newestFirst = ids.toReversed();
  const costs: (readonly number[])[] = [];
  for (const place of [0, 100, 5000, 9800]) {
    const afterVersionId = newestFirst[place];
    if (afterVersionId === undefined) throw new Error('that many versions');
    counter.take();
    const query = { ...pageQuery({ after: 'k', limit: 100 }), afterVersionId };
    const page = await core.listVersions(owner, address, query);
    costs.push(counter.take());
    const shownIds = page.items.map((item) => (item.type === 'row' ? versionIdOf(item.row) : ''));
    expect(shownIds).toEqual(newestFirst.slice(place + 1, place + 101));
  }
  const [first = [0, 0]] = costs;
  for (const cost of costs) expect(cost).toEqual(first);
  expect(first[1]).toBeLessThan(400);
  // A version by its id, too: from the newest to the oldest.
  const reads: (readonly number[])[] = [];
  for (const versionId of [newestFirst[1], newestFirst[5000], newestFirst[9999]]) {
    counter.take();
    const key = { ...address, key: 'k', versionId };
    await core.openObject(owner, { ...key, condition: {}, metadataOnly: true });
    reads.push(counter.take());
  }
  for (const read of reads) expect(read).toEqual(reads[0]);
});

test('a marker that is no version id is refused', async () => {
  const { core } = createFixture();
  await createContainer(core, 'c', 'enabled');
  const bad = { ...pageQuery({ after: 'k' }), afterVersionId: 'nonsense' };
  expect(await kindOf(core.listVersions(owner, address, bad))).toBe('invalid-argument');
});

/** However a container is divided, its listings are those of the same names in one piece. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareUtf8 } from '../../../../base/bytes.ts';
import { micros } from '../../../../base/units.ts';
import type { Id, UploadRow, VersionRow } from '../../../../server/core/model.ts';
import type { Page, PageQuery } from '../../../../server/core/ports.ts';
import { ClusterRows } from '../../../../server/proxy/rows.ts';
import { pour } from '../../../memory/pour.ts';
import type { MemoryShards } from '../../../memory/shards.ts';
import { containerId, createScene, divide, pieceId, type Scene } from './scene.ts';

const tables = ['listCurrent', 'listVersions', 'listUploads', 'listTombstones'] as const;
type Table = (typeof tables)[number];

/** Each name with an object, these versions, these uploads and a tombstone. */
type Names = ReadonlyMap<string, { readonly stamps: readonly number[] }>;

const idOf = (stamp: number): Id => stamp.toString(16).padStart(32, '0');

function fill(shards: MemoryShards, names: Names): void {
  for (const [key, { stamps }] of names) {
    const at = { containerId, key };
    const row = (stamp: number): VersionRow => ({ version: stamp }) as unknown as VersionRow;
    shards.write('current', at, row(99));
    shards.write('tombstone', at, {
      ...{ version: micros(1), madeAt: micros(1), forget: { dueAt: 1, id: key } },
    });
    for (const stamp of stamps) {
      shards.write('version', { ...at, version: micros(stamp) }, row(stamp));
      const upload = { uploadId: idOf(stamp) } as unknown as UploadRow;
      shards.write('upload', { ...at, uploadId: idOf(stamp) }, upload);
    }
  }
}

/** What a page shows, as text. */
function shown(page: Page<unknown>): { items: string[]; truncated: boolean } {
  const items = page.items.map((item) => JSON.stringify(item));
  return { items, truncated: page.truncated };
}

interface Step {
  readonly at: string;
  readonly isNew: boolean;
}

/** Gives away what is at this name or behind it, in the piece that it lies in. */
function take({ shards }: Scene, { at, isNew }: Step, number: number): void {
  let id: Id = containerId;
  for (;;) {
    const piece = shards.peek('container', { containerId: id })?.piece;
    if (piece?.to === undefined || piece.next === undefined || compareUtf8(at, piece.to) < 0) break;
    id = piece.next;
  }
  pour(shards, id, at, isNew ? pieceId(number) : undefined);
}

const atoms = ['a', 'b', '/', '//', 'é', '\u{1F600}', '\u{FF5E}', '\u0000', '\u{10FFFF}'];
const name = fc
  .array(fc.constantFrom(...atoms), { minLength: 1, maxLength: 4 })
  .map((parts) => parts.join(''));
const part = fc.oneof(fc.constant(''), name);
const stamps = fc.uniqueArray(fc.constantFrom(3, 2, 1), { maxLength: 3 });
const names = fc
  .array(fc.record({ key: name, stamps }), { minLength: 4, maxLength: 14 })
  .map((all): Names => new Map(all.map(({ key, ...rest }) => [key, rest])));
const steps = fc.array(fc.record({ at: name, isNew: fc.boolean() }), { maxLength: 7 });

interface Wish {
  readonly table: Table;
  readonly query: PageQuery;
}

const wish: fc.Arbitrary<Wish> = fc
  .record({
    table: fc.constantFrom(...tables),
    prefix: fc.oneof({ weight: 3, arbitrary: fc.constant('') }, part),
    delimiter: fc.constantFrom('', '/', '//', 'a/', '\u{1F600}'),
    after: fc.option(part, { nil: undefined }),
    before: fc.option(name, { nil: undefined }),
    reverse: fc.boolean(),
    limit: fc.integer({ min: 0, max: 9 }),
    stamp: fc.option(fc.constantFrom(1, 2, 3), { nil: undefined }),
  })
  .map(({ table, stamp, ...query }) => ({
    table,
    query: { ...query, ...marked(table, query, stamp) },
  }));

function marked(
  table: Table,
  { after, before }: Pick<PageQuery, 'after' | 'before'>,
  stamp: number | undefined,
): Partial<PageQuery> {
  if (stamp === undefined) return {};
  const place = micros(stamp);
  const ofUpload = { startedAt: place, uploadId: idOf(stamp) };
  if (table === 'listUploads') return after === undefined ? {} : { afterUpload: ofUpload };
  if (table !== 'listVersions') return {};
  return {
    ...(after === undefined ? {} : { afterVersion: place }),
    ...(before === undefined ? {} : { beforeVersion: place }),
  };
}

async function scenes(all: Names): Promise<{ whole: Scene; divided: Scene }> {
  const [whole, divided] = [await createScene({ shards: 1 }), await createScene()];
  fill(whole.shards, all);
  fill(divided.shards, all);
  return { whole, divided };
}

const runs = (numRuns: number): { numRuns: number; seed: number } => ({
  numRuns,
  seed: 20_261_126,
});

/** Asks for all pages, one after the other. */
async function walk(rows: ClusterRows, { table, query }: Wish): Promise<string[]> {
  const items: string[] = [];
  let next: PageQuery | undefined = { ...query, limit: Math.max(1, query.limit) };
  while (next !== undefined) {
    const page: Page<unknown> = await rows[table](containerId, next);
    items.push(...shown(page).items);
    next = page.truncated ? following(table, next, page) : undefined;
  }
  return items;
}

function following(table: Table, query: PageQuery, page: Page<unknown>): PageQuery {
  const last = page.items.at(-1);
  if (last === undefined) throw new Error('an empty page says that more follows');
  const { afterVersion: _a, beforeVersion: _b, afterUpload: _u, ...rest } = query;
  const row = last.type === 'row' ? (last.row as Partial<VersionRow & UploadRow>) : {};
  if (query.reverse) {
    const kept = query.afterVersion === undefined ? {} : { afterVersion: query.afterVersion };
    const from = table === 'listVersions' && row.version !== undefined;
    return { ...rest, ...kept, before: last.name, ...(from ? { beforeVersion: row.version } : {}) };
  }
  const kept = query.beforeVersion === undefined ? {} : { beforeVersion: query.beforeVersion };
  const start = { ...rest, ...kept, after: last.name };
  if (table === 'listVersions') return { ...start, afterVersion: row.version };
  if (table !== 'listUploads' || row.uploadId === undefined) return start;
  return { ...start, afterUpload: { startedAt: micros(1), uploadId: row.uploadId } };
}

describe('a listing of a container in pieces', () => {
  it('shows what one piece shows, whatever is known of the pieces', async () => {
    const property = fc.asyncProperty(
      ...([names, steps, fc.array(wish, { minLength: 6, maxLength: 6 })] as const),
      async (all, divisions, wishes) => {
        const { whole, divided } = await scenes(all);
        for (let number = 0; number <= divisions.length; number++) {
          for (const { table, query } of wishes) {
            const expected = shown(await whole.rows[table](containerId, query));
            const cold = new ClusterRows(divided.shards, divided.clock);
            expect(shown(await cold[table](containerId, query))).toEqual(expected);
            expect(shown(await divided.rows[table](containerId, query))).toEqual(expected);
          }
          const step = divisions[number];
          if (step !== undefined) take(divided, step, number + 1);
        }
      },
    );
    await fc.assert(property, runs(80));
  });

  it('shows every name once, in order, while names go over between any two reads', async () => {
    const wishes = fc.array(wish, { minLength: 5, maxLength: 5 });
    const calm = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 8, maxLength: 8 });
    const property = fc.asyncProperty(
      ...([names, steps, wishes, calm] as const),
      async (all, divisions, asked, pauses) => {
        const { whole, divided } = await scenes(all);
        let number = 0;
        let pause = pauses[0] ?? 0;
        divided.shards.hook = () => {
          if (pause-- > 0) return;
          pause = pauses[number % pauses.length] ?? 0;
          const step = divisions[number++];
          if (step !== undefined) take(divided, step, number);
        };
        for (const one of asked) {
          const expected = await walk(whole.rows, one);
          expect(await walk(divided.rows, one)).toEqual(expected);
          const page = shown(await whole.rows[one.table](containerId, one.query));
          expect(shown(await divided.rows[one.table](containerId, one.query))).toEqual(page);
        }
      },
    );
    await fc.assert(property, runs(150));
  });
});

describe('a page over two pieces', () => {
  const inTwo = async (): Promise<Scene> => {
    const scene = await createScene();
    const all = ['a', 'b', 'c', 'd', 'e', 'f'].map((key) => [key, { stamps: [1, 2, 3] }] as const);
    fill(scene.shards, new Map(all));
    divide(scene.shards, 'd');
    return scene;
  };
  const query = { prefix: '', delimiter: '', after: undefined, before: undefined, limit: 100 };
  const namesOf = (page: Page<unknown>): string => page.items.map(({ name: one }) => one).join('');

  it('does not show again what went over when it had been shown', async () => {
    const { shards, rows } = await inTwo();
    let lists = 0;
    shards.hook = ({ type, when }) => {
      if (type === 'list' && when === 'after' && ++lists === 1) pour(shards, containerId, 'b');
    };
    expect(namesOf(await rows.listCurrent(containerId, { ...query, reverse: false }))).toBe(
      'abcdef',
    );
    expect(lists).toBeGreaterThan(1);
  });

  it('shows backwards once what went over since the pieces were seen', async () => {
    const { shards, rows } = await inTwo();
    const backwards = { ...query, reverse: true };
    expect(namesOf(await rows.listCurrent(containerId, backwards))).toBe('fedcba');
    pour(shards, containerId, 'b');
    expect(namesOf(await rows.listCurrent(containerId, backwards))).toBe('fedcba');
  });

  it('begins within the versions of the name where a piece begins', async () => {
    const { rows } = await inTwo();
    const backwards = { ...query, before: 'd', beforeVersion: micros(1), reverse: true, limit: 3 };
    const page = await rows.listVersions(containerId, backwards);
    expect(namesOf(page)).toBe('ddc');
  });
});

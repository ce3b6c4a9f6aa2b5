/** A container with a quota that lies in two pieces (decision 0036): neither sees the sums of the other. */
import { expect, it } from 'vitest';
import type { Command, CommandResult } from '../../../../server/core/commands.ts';
import { copyFor } from '../../../../server/core/decide/pieces/round.ts';
import type { Id } from '../../../../server/core/model.ts';
import type { RowStore } from '../../../../server/core/ports.ts';
import { addUsage } from '../../../../server/core/quota/usage.ts';
import type { MemoryRows } from '../../../memory/rows.ts';
import {
  account,
  bodyOf,
  createContainer,
  createFixture,
  type Fixture,
  kindOf,
  owner,
  putCommand,
  text,
} from '../fixture.ts';

const at = { account, container: 'box' };
const second: Id = 'f'.repeat(32);

/** Names from `m` on are asked for at the second piece, once there is one. */
function inHalves(rows: MemoryRows): RowStore {
  const isCut = (): boolean => rows.peek('container', { containerId: second }) !== undefined;
  const placed = <A extends object>(about: A): A =>
    isCut() && 'key' in about && String(about.key) >= 'm'
      ? { ...about, containerId: second }
      : about;
  return {
    execute: <C extends Command>(command: C): Promise<CommandResult<C>> =>
      rows.execute(placed(command)),
    get: (table, key) => rows.get(table, placed(key)),
    getWithBody: (table, key) => rows.getWithBody(table, placed(key)),
    listDirectory: (id, query) => rows.listDirectory(id, query),
    listCurrent: (id, query) => rows.listCurrent(id, query),
    listVersions: (id, query) => rows.listVersions(id, query),
    listUploads: (id, query) => rows.listUploads(id, query),
    listTombstones: (id, query) => rows.listTombstones(id, query),
    listParts: (of, after, limit) => rows.listParts(placed(of), after, limit),
    usage: async (id) => {
      const first = await rows.usage(id);
      return isCut() ? addUsage(first, await rows.usage(second)) : first;
    },
    accountUsage: (id) => rows.accountUsage(id),
  };
}

interface Scene extends Fixture {
  readonly put: (key: string, body?: string) => Promise<string>;
  /** Divides the container, before anything lies behind the cut. */
  readonly cut: () => void;
  readonly held: () => { readonly bytes: number; readonly objects: number };
}

async function scene(
  quota: Readonly<Record<string, string>>,
  versioning?: 'enabled',
): Promise<Scene> {
  let rows: MemoryRows | undefined;
  const fixture = createFixture((made) => inHalves((rows = made as MemoryRows)));
  await createContainer(fixture.core, 'box', versioning);
  await fixture.core.updateContainer(owner, at, { settings: quota });
  const container = rows?.rowsOf('container')[0];
  if (container === undefined) throw new Error('no container');
  const { containerId } = container.key;
  return {
    ...fixture,
    put: (key, body = 'x') =>
      kindOf(fixture.core.putObject(owner, putCommand('box', key, text(body)))),
    cut: () => {
      const row = rows?.peek('container', { containerId }) ?? container.row;
      const chain = { of: containerId, round: 0 };
      const first = { ...chain, from: '', to: 'm', next: second };
      const copy = copyFor(second, row, { ...chain, from: 'm' });
      fixture.rows.put(
        { type: 'put', table: 'container', key: { containerId }, row: { ...row, piece: first } },
        { type: 'put', table: 'container', key: { containerId: second }, row: copy },
      );
    },
    held: () => {
      const both = fixture.rows.rowsOf('usage').map(({ row }) => row);
      const bytes = both.reduce((sum, row) => sum + row.versionBytes, 0);
      return { bytes, objects: both.reduce((sum, row) => sum + row.objects, 0) };
    },
  };
}

it('is bounded by what both hold', async () => {
  const { put, cut, held, rows } = await scene({ 'meta:quota-bytes': '10' });
  expect(await put('a', '01234')).toBe('fulfilled');
  cut();
  expect(await put('z', '01234')).toBe('fulfilled');
  expect([await put('b'), await put('y')]).toEqual(['quota-exceeded', 'quota-exceeded']);
  // What takes the place of something may be as large as that.
  expect([await put('z', '43210'), await put('a', '0')]).toEqual(['fulfilled', 'fulfilled']);
  expect([await put('y', '0123'), await put('y', '01234')]).toEqual([
    'fulfilled',
    'quota-exceeded',
  ]);
  expect(held()).toEqual({ bytes: 10, objects: 3 });
  expect(rows.rowsOf('reserved')).toEqual([]);
});

it('holds no more than that whoever writes at once, and all of it in the end', async () => {
  const { put, cut, held, rows } = await scene({ 'meta:quota-count': '10' });
  cut();
  const keys = Array.from({ length: 20 }, (_, n) => [`a${n}`, `z${n}`]).flat();
  const ended = await Promise.all(keys.map((key) => put(key)));
  expect(new Set(ended)).toEqual(new Set(['fulfilled', 'quota-exceeded']));
  expect(held().objects).toBe(ended.filter((end) => end === 'fulfilled').length);
  expect(held().objects).toBeLessThanOrEqual(10);
  for (const key of keys) await put(key);
  expect(held().objects).toBe(10);
  expect(rows.rowsOf('reserved')).toEqual([]);
});

it('is divided while somebody writes: the write begins anew, and keeps the quota', async () => {
  const { put, cut, held, rows } = await scene({ 'meta:quota-bytes': '3' });
  const execute = rows.execute.bind(rows);
  const writes: unknown[] = [];
  rows.execute = async (command) => {
    if (command.type === 'object.put') writes.push(command.allowance);
    if (command.type !== 'object.put' || writes.length > 1) return execute(command);
    cut();
    await put('a', '01');
    return execute({ ...command, containerId: second });
  };
  expect(await put('z')).toBe('fulfilled');
  const reserved = { objects: 1, isOfContainer: true };
  expect(writes).toEqual([undefined, { bytes: 2, ...reserved }, { bytes: 1, ...reserved }]);
  expect(await put('y')).toBe('quota-exceeded');
  expect(held()).toEqual({ bytes: 3, objects: 2 });
});

it('bounds appended bytes and what a deletion uncovers', async () => {
  const appended = await scene({ 'meta:quota-bytes': '8' });
  const append = (offset: number, bytes: string): Promise<string> =>
    kindOf(
      appended.core.appendObject(owner, {
        ...{ ...putCommand('box', 'z', text('')), offset },
        body: bodyOf(text(bytes)),
      }),
    );
  appended.cut();
  await appended.put('a', '0123');
  expect([await append(0, '01'), await append(2, '23')]).toEqual(['fulfilled', 'fulfilled']);
  expect(await append(4, '4')).toBe('quota-exceeded');
  expect(appended.held().bytes).toBe(8);

  const covered = await scene({ 'meta:quota-count': '1' }, 'enabled');
  covered.cut();
  await covered.put('z');
  const { marker } = await covered.core.deleteObject(owner, { ...at, key: 'z', condition: {} });
  await covered.put('a');
  const versionId = marker?.version.toString(16).padStart(16, '0') ?? '';
  const uncover = (): Promise<string> =>
    kindOf(covered.core.deleteObject(owner, { ...at, key: 'z', versionId, condition: {} }));
  expect(await uncover()).toBe('quota-exceeded');
  await covered.core.deleteObject(owner, { ...at, key: 'a', condition: {} });
  expect(await uncover()).toBe('fulfilled');
  expect(covered.held().objects).toBe(1);
});

it('what was noted by who died is forgotten after a minute', async () => {
  const { put, cut, clock, rows } = await scene({ 'meta:quota-bytes': '5' });
  cut();
  const [container] = rows.rowsOf('container');
  const { containerId = '' } = container?.key ?? {};
  const id = 'a'.repeat(32);
  await rows.execute({ type: 'container.reserve', containerId, id, bytes: 5, objects: 1 });
  expect(await put('z')).toBe('quota-exceeded');
  clock.advance(60_000);
  expect(await put('z')).toBe('fulfilled');
  expect(rows.rowsOf('reserved')).toEqual([]);
});

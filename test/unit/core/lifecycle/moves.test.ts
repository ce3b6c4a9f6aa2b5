/** Moves that die before and after every commit, and moves that clients overtake. */
import { describe, expect, test } from 'vitest';
import { StoreError } from '../../../../base/errors.ts';
import { silentLogger } from '../../../../base/log.ts';
import { createCore } from '../../../../server/core/core.ts';
import type { BodyRef, VersionRow } from '../../../../server/core/model.ts';
import type { RowStore } from '../../../../server/core/ports.ts';
import { memoryLifecycle } from '../../../memory/lifecycle.ts';
import { createMemoryPorts, ManualClock, seededRandom } from '../../../memory/ports.ts';
import { account, collect, createContainer, owner, putCommand, readAll, text } from '../fixture.ts';

const DAY = 1000;
const CONTAINER = 'c';
const KEY = 'k';
const address = { account, container: CONTAINER, key: KEY };

type Hook = (command: string) => Promise<'before' | 'after' | undefined>;

/** What the workers see of the rows: `hook` may act before a commit, and make it fail. */
function createWorld(hook: Hook) {
  const clock = new ManualClock();
  const random = seededRandom('moves');
  const storageClasses = [
    { name: 'COLD', policy: 'replica:3', isArchive: false },
    { name: 'ICE', policy: 'replica:3', isArchive: true },
  ];
  const context = { dayMillis: DAY, classes: storageClasses };
  const ports = createMemoryPorts({ clock, random, lifecycle: context });
  const limits = { inlineBytes: 8, minPartBytes: 0 };
  const core = createCore({
    ...{ ...ports, clock, random, logger: silentLogger, limits, storageClasses },
  });
  const { rows } = ports;
  const execute: RowStore['execute'] = async (command) => {
    const fails = await hook(command.type);
    const died = new StoreError('unavailable', 'test', 'the process died');
    if (fails === 'before') throw died;
    const result = await rows.execute(command);
    if (fails === 'after') throw died;
    return result;
  };
  const workers = () => memoryLifecycle({ ...ports, clock, context, execute });
  return { ...ports, core, clock, workers };
}

type World = ReturnType<typeof createWorld>;

const content = {
  inline: ['small'],
  stored: ['not so small a body'],
  parts: ['the first part', 'in row', 'the third, which is longer'],
} as const;
type Kind = keyof typeof content;

/** An object of this kind, which rules move to COLD tomorrow. */
async function arrange(
  world: World,
  kind: Kind,
  versioning: 'enabled' | 'off' = 'enabled',
): Promise<VersionRow> {
  const { core } = world;
  await createContainer(core, CONTAINER, versioning);
  const pieces = content[kind];
  if (kind === 'parts') {
    const described = { contentType: 'text/plain', system: {}, user: {} };
    const { uploadId } = await core.createUpload(owner, { ...address, ...described });
    const parts = [];
    for (const [place, piece] of pieces.entries()) {
      const partNumber = place + 1;
      const body = putCommand(CONTAINER, KEY, text(piece)).body;
      const { etag } = await core.putPart(owner, { ...address, uploadId, partNumber, body });
      parts.push({ partNumber, etag });
    }
    await core.completeUpload(owner, { ...address, uploadId, parts, condition: {} });
  } else {
    await core.putObject(owner, putCommand(CONTAINER, KEY, text(pieces.join(''))));
  }
  const transitions = [{ days: 1, storageClass: 'COLD' }];
  const rule = { id: 'r', isEnabled: true, filter: { prefix: '' }, transitions };
  await core.updateContainer(owner, address, { settings: {}, lifecycle: { rules: [rule] } });
  return (await core.openObject(owner, { ...address, condition: {} })).row;
}

/** Runs the workers, as new processes, until nothing is due; deaths are survived. */
async function finish(world: World): Promise<void> {
  for (let lives = 0; lives < 20; lives++) {
    try {
      await world.workers().run();
      if (world.rows.rowsOf('due').every(({ key }) => key.dueAt > world.clock.now())) return;
      // What failed in this life rests in the next only if it fails again.
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
    }
  }
  throw new Error('it never ends');
}

/** Bodies that rows refer to, in rows of versions and of parts that versions refer to. */
function referred({ rows }: World): readonly string[] {
  const ids: string[] = [];
  const add = (ref: BodyRef | undefined): void => {
    if (ref?.type === 'stored') ids.push(ref.stored.objectId);
    if (ref?.type !== 'parts') return;
    for (const { key, row } of rows.rowsOf('part')) {
      if (key.uploadId === ref.uploadId) add(row.body);
    }
  };
  for (const { row } of [...rows.rowsOf('current'), ...rows.rowsOf('version')]) {
    add(row.body);
    if (row.restore?.state === 'done') add(row.restore.body);
  }
  return ids.toSorted();
}

/** Bodies whose release is queued, those of whole uploads too. */
function released({ rows }: World): readonly string[] {
  const kept = new Set(
    [...rows.rowsOf('current'), ...rows.rowsOf('version')].flatMap(({ row }) =>
      row.body.type === 'parts' ? [row.body.uploadId] : [],
    ),
  );
  return rows
    .rowsOf('queue')
    .flatMap(({ row }) => {
      if (row.type === 'release') return [row.stored.objectId];
      if (row.type !== 'release-parts' || row.keep.length > 0 || kept.has(row.uploadId)) return [];
      const parts = rows.rowsOf('part').filter(({ key }) => key.uploadId === row.uploadId);
      return parts.flatMap(({ row: part }) =>
        part.body.type === 'stored' ? [part.body.stored.objectId] : [],
      );
    })
    .toSorted();
}

function checkBodies(world: World): void {
  const claimed = world.rows.rowsOf('claim').map(({ key }) => key.objectId);
  expect(claimed.toSorted()).toEqual([...new Set([...referred(world), ...released(world)])].sort());
  for (const id of referred(world)) {
    expect(world.bodies.stored.has(id)).toBe(true);
    expect(released(world)).not.toContain(id);
  }
}

async function checkMoved(world: World, before: VersionRow, kind: Kind): Promise<void> {
  const reader = await world.core.openObject(owner, { ...address, condition: {} });
  const { body: _old, storageClass: _class, ...same } = before;
  expect(reader.row).toMatchObject({ ...same, storageClass: 'COLD' });
  expect(Buffer.from(await readAll(reader)).toString()).toBe(content[kind].join(''));
  const page = await reader.parts(0, 10);
  if (kind === 'parts') {
    expect(page?.parts.map((part) => part.partNumber)).toEqual([1, 2, 3]);
    const part = await reader.viewPart(2);
    const bytes = await collect(reader.read(part.start, part.end));
    expect(Buffer.from(bytes).toString()).toBe(content.parts[1]);
  }
  for (const { row } of world.rows.rowsOf('claim')) {
    if (referred(world).includes(row.stored.objectId)) expect(row.stored.policy).toBe('replica:3');
  }
  checkBodies(world);
}

const kinds: readonly Kind[] = ['inline', 'stored', 'parts'];

test.each(kinds)(
  'a death at any commit of the move of an object (%s) only delays it',
  async (kind) => {
    for (const mode of ['before', 'after'] as const) {
      for (let deadly = 1; ; deadly++) {
        let count = 0;
        const world = createWorld(async () => (++count === deadly ? mode : undefined));
        const before = await arrange(world, kind);
        world.clock.advance(2 * DAY);
        await finish(world);
        await checkMoved(world, before, kind);
        if (count < deadly) break;
      }
    }
  },
);

describe('what clients do while an object is moved', () => {
  const overtake: Record<string, (world: World, before: VersionRow) => Promise<string>> = {
    overwrite: async ({ core }) => {
      await core.putObject(owner, putCommand(CONTAINER, KEY, text('a new body, longer')));
      return 'a new body, longer';
    },
    delete: async ({ core }) => {
      await core.deleteObject(owner, { ...address, condition: {} });
      return 'gone';
    },
    'delete the version': async ({ core }, before) => {
      const versionId = before.version.toString(16).padStart(16, '0');
      await core.deleteObject(owner, { ...address, versionId, condition: {} });
      return 'gone';
    },
    'delete all': async ({ core }, before) => {
      const versionId = before.version.toString(16).padStart(16, '0');
      await core.deleteObject(owner, { ...address, versionId, condition: {} });
      await core.deleteContainer(owner, address);
      return 'gone';
    },
    tag: async ({ core }) => {
      await core.updateObject(owner, address, { systemPatch: { 's3:tagging': 'a=b' } });
      return 'same';
    },
  };

  for (const [name, act] of Object.entries(overtake)) {
    test.each(kinds)(`${name} (%s): it wins, and nothing is left behind`, async (kind) => {
      for (let moment = 1; ; moment++) {
        let count = 0;
        let outcome: string | undefined;
        let before: VersionRow | undefined;
        const world: World = createWorld(async () => {
          if (++count === moment && before !== undefined) outcome = await act(world, before);
          return undefined;
        });
        before = await arrange(world, kind);
        world.clock.advance(2 * DAY);
        await finish(world);
        checkBodies(world);
        if (outcome === undefined) break;
        const open = world.core.openObject(owner, { ...address, condition: {} });
        if (outcome === 'gone') {
          await expect(open).rejects.toBeInstanceOf(StoreError);
          continue;
        }
        const wanted = outcome === 'same' ? content[kind].join('') : outcome;
        expect(Buffer.from(await readAll(await open)).toString()).toBe(wanted);
      }
    });
  }
});

test('parts that were rewritten for a version that is gone go too', async () => {
  let isGone = false;
  const world: World = createWorld(async (command) => {
    if (command !== 'object.move' || isGone) return undefined;
    isGone = true;
    await world.core.deleteObject(owner, { ...address, versionId: id, condition: {} });
    return 'before';
  });
  const before = await arrange(world, 'parts');
  const id = before.version.toString(16).padStart(16, '0');
  world.clock.advance(2 * DAY);
  await finish(world);
  expect(isGone).toBe(true);
  expect(referred(world)).toEqual([]);
  expect(released(world)).toHaveLength(4);
  checkBodies(world);
});

test('of two moves of the same bytes one is done', async () => {
  const world = createWorld(async () => undefined);
  const { rows, bodies } = world;
  const { version, body: from } = await arrange(world, 'stored');
  const [{ key: at } = { key: { containerId: '' } }] = rows.rowsOf('current');
  const move = async () => {
    if (from.type !== 'stored') throw new Error('it is stored');
    const { containerId } = at;
    const target = { account, container: CONTAINER, containerId, key: KEY, policy: 'replica:3' };
    const stored = await bodies.write(target, bodies.read(from.stored, 0, from.stored.size));
    const done = { containerId, lane: 'move', dueAt: 0, id: '', stamp: version } as const;
    const what = { containerId, key: KEY, version, from, body: { ...from, stored }, done };
    return rows.execute({ type: 'object.move', ...what, storageClass: 'COLD' });
  };
  expect(await move()).toBe(true);
  expect(await move()).toBe(false);
  checkBodies(world);
});

test.each(['stored', 'parts'] as const)(
  'whoever reads an object (%s) slowly reads it to its end, wherever its bytes are by then',
  async (kind) => {
    const world = createWorld(async () => undefined);
    const before = await arrange(world, kind);
    const reader = await world.core.openObject(owner, { ...address, condition: {} });
    const first = reader.read(0, 5);
    expect(Buffer.from(await collect(first)).toString()).toBe(content[kind].join('').slice(0, 5));
    world.clock.advance(2 * DAY);
    await finish(world);
    // The old bytes go before the reader comes back.
    for (const id of released(world)) world.bodies.stored.delete(id);
    for (const { key, row } of world.rows.rowsOf('part')) {
      if (row.body.type === 'stored' && !world.bodies.stored.has(row.body.stored.objectId)) {
        const { containerId, uploadId, partNumber } = key;
        await world.rows.execute({
          ...{ type: 'parts.release', containerId, key: KEY, uploadId },
          partNumbers: [partNumber],
        });
      }
    }
    const rest = await collect(reader.read(5, before.size));
    expect(Buffer.from(rest).toString()).toBe(content[kind].join('').slice(5));
  },
);

test.each(['stored', 'parts'] as const)(
  'a death at any commit of a restore (%s) only delays it, and its copy goes in time',
  async (kind) => {
    for (const mode of ['before', 'after'] as const) {
      for (let deadly = 1; ; deadly++) {
        let count = 0;
        const world = createWorld(async () => (++count === deadly ? mode : undefined));
        const { core, clock } = world;
        const before = await arrange(world, kind);
        const lifecycle = {
          rules: [
            {
              ...{ id: 'r', isEnabled: true, filter: { prefix: '' } },
              transitions: [{ days: 1, storageClass: 'ICE' }],
            },
          ],
        };
        await core.updateContainer(owner, address, { settings: {}, lifecycle });
        clock.advance(2 * DAY);
        await finish(world);
        const open = () => core.openObject(owner, { ...address, condition: {} });
        await expect(open()).rejects.toMatchObject({ kind: 'invalid-state' });
        await core.restoreObject(owner, { ...address, days: 3 });
        await finish(world);
        expect(Buffer.from(await readAll(await open())).toString()).toBe(content[kind].join(''));
        checkBodies(world);
        clock.advance(4 * DAY);
        await finish(world);
        await expect(open()).rejects.toMatchObject({ kind: 'invalid-state' });
        const { row } = await core.openObject(owner, {
          ...{ ...address, condition: {}, metadataOnly: true },
        });
        expect(row.etag).toBe(before.etag);
        expect(row.restore).toBeUndefined();
        checkBodies(world);
        if (count < deadly) break;
      }
    }
  },
);

test('bytes that are appended while an object is moved are moved too', async () => {
  for (const kind of ['stored', 'parts'] as const) {
    for (let moment = 1; ; moment++) {
      let count = 0;
      let isReady = false;
      const world: World = createWorld(async () => {
        if (++count === moment && isReady) {
          const body = putCommand(CONTAINER, KEY, text(' and more')).body;
          const offset = content[kind].join('').length;
          const described = { contentType: 'text/plain', system: {}, user: {} };
          const command = { ...address, ...described, body, offset, condition: {} };
          await world.core.appendObject(owner, command);
        }
        return undefined;
      });
      await arrange(world, kind, 'off');
      isReady = true;
      world.clock.advance(2 * DAY);
      await finish(world);
      const reader = await world.core.openObject(owner, { ...address, condition: {} });
      const more = count >= moment ? ' and more' : '';
      expect(Buffer.from(await readAll(reader)).toString()).toBe(content[kind].join('') + more);
      expect(reader.row.storageClass).toBe('COLD');
      checkBodies(world);
      if (more === '') break;
    }
  }
});

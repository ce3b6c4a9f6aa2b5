/** Races whose outcomes must fit: what the tests run, and what mutated decisions must not survive. */
import { expect } from 'vitest';
import type { Command } from '../../../../server/core/commands.ts';
import type { Versioning } from '../../../../server/core/model.ts';
import { ClusterRows } from '../../../../server/proxy/rows.ts';
import type { StateMachine } from '../../../../storage/shard/shard.ts';
import { pour } from '../../../memory/pour.ts';
import type { MemoryShards } from '../../../memory/shards.ts';
import { SeededRandom } from '../../../sim/random.ts';
import { kindOf } from '../../core/fixture.ts';
import {
  containerId,
  createScene,
  divide,
  limits,
  pieceId,
  putOf,
  rowsOfPieces,
  type Scene,
  through,
} from './scene.ts';

export interface Race {
  readonly seed: number;
  readonly machine?: StateMachine;
}

export function update(
  settings: Readonly<Record<string, string>>,
  versioning?: Versioning,
): Extract<Command, { type: 'container.update' }> {
  const more = versioning === undefined ? {} : { versioning };
  return { type: 'container.update', containerId, settings, limits, ...more };
}

/** All pieces have the container's row, and nothing is fenced. */
export function checkCopies(shards: MemoryShards): void {
  const rows = rowsOfPieces(shards);
  const [first] = rows;
  for (const { piece, feeds: _own, ...row } of rows) {
    expect(row).toEqual({ ...first, piece: undefined, feeds: undefined });
    expect(piece?.fence).toBeUndefined();
    expect(piece?.of).toBe(containerId);
  }
}

/** Three pieces, and more while calls take a random time. */
async function slowScene({
  seed,
  machine,
}: Race): Promise<Scene & { readonly random: SeededRandom }> {
  const scene = await createScene(machine === undefined ? {} : { machine });
  divide(scene.shards, 'h', 'p');
  const random = new SeededRandom(seed);
  let pieces = 2;
  scene.shards.hook = () => {
    const number = random.below(pieces + 1);
    const id = number === 0 ? containerId : pieceId(number);
    const isNew = random.chance(0.5) && pieces < 6;
    const name = random.pick(['a1', 'b', 'k0', 'k1', 'm', 'z0', 'z1']);
    const into = isNew ? pieceId(pieces + 1) : undefined;
    if (random.chance(0.2) && pour(scene.shards, id, name, into) && isNew) pieces++;
    return scene.clock.sleep(random.below(5));
  };
  return { ...scene, random };
}

/** Either a put is acknowledged and the deletion refused, or the deletion wins and no put is acknowledged. */
export async function raceDeletion(race: Race): Promise<void> {
  const { shards, clock, random, run } = await slowScene(race);
  const puts = Array.from({ length: 1 + random.below(3) }, async (_, place) => {
    const rows = new ClusterRows(shards, clock);
    await clock.sleep(random.below(50));
    const key = random.pick(['a', 'k', 'z']) + String(place);
    return { key, kind: await kindOf(rows.execute(putOf(key))) };
  });
  await clock.advance(random.below(20));
  const rows = new ClusterRows(shards, clock);
  const deleted = await run(kindOf(rows.execute({ type: 'container.delete', containerId })));
  const outcomes = await run(Promise.all(puts));
  const kept = outcomes.filter(({ kind }) => kind === 'fulfilled');
  expect(deleted).toBe(kept.length > 0 ? 'container-not-empty' : 'fulfilled');
  for (const { key, kind } of outcomes) {
    if (kind !== 'fulfilled') expect(kind).toBe('no-such-container');
    else expect(await run(rows.get('current', { containerId, key }))).toBeDefined();
  }
  expect((await run(rows.usage(containerId))).objects).toBe(kept.length);
  checkCopies(shards);
}

/** Once anybody was shown that it is versioned, no put leaves a null version. */
export async function raceVersioning(race: Race): Promise<void> {
  const { shards, clock, random, run } = await slowScene(race);
  const seen = async (): Promise<void> => {
    const rows = new ClusterRows(shards, clock);
    const key = random.pick(['a', 'k', 'z']);
    for (;;) {
      const row = await rows.get('container', { containerId });
      const { row: version } = await rows.execute(putOf(key));
      if (row?.versioning !== 'enabled') continue;
      expect(version.isNull).toBe(false);
      return;
    }
  };
  const readers = [seen(), seen(), seen(), seen()];
  await clock.advance(random.below(20));
  const change = new ClusterRows(shards, clock).execute(update({}, 'enabled'));
  await run(Promise.all([...readers, change]));
  checkCopies(shards);
}

/** Names are found, written and listed where they lie, by callers that know nothing of the pieces. */
export async function useNames({ machine }: Omit<Race, 'seed'>): Promise<void> {
  const { shards, clock, run, rows } = await createScene(machine === undefined ? {} : { machine });
  const names = ['a', 'k', 'z'];
  for (const name of names) await run(rows.execute(putOf(name)));
  divide(shards, 'h', 'p');
  const cold = (): ClusterRows => new ClusterRows(shards, clock);
  for (const key of names) {
    const at = { containerId, key };
    expect((await run(cold().get('current', at)))?.etag).toBe(`e-${key}`);
    await run(cold().execute(putOf(key, `${key}2`)));
    expect((await run(cold().getWithBody('current', at)))?.body).toEqual(Buffer.from(`${key}2`));
  }
  const query = { prefix: '', delimiter: '', after: undefined, before: undefined, limit: 10 };
  for (const reverse of [false, true]) {
    const { items } = await run(cold().listCurrent(containerId, { ...query, reverse }));
    const listed = items.map(({ name }) => name);
    expect(listed).toEqual(reverse ? names.toReversed() : names);
  }
  expect((await run(cold().usage(containerId))).objects).toBe(names.length);
}

/** Several change the container, and stall in the midst of it, while names are written and go over: no change and no name is lost. */
export async function raceUpdates(race: Race): Promise<void> {
  const { shards, clock, random, run } = await slowScene(race);
  const callers = Array.from({ length: 4 }, (_, caller) => {
    const stalling = through(shards, async () => {
      if (random.chance(0.05)) await clock.sleep(random.below(900));
    });
    return { caller, rows: new ClusterRows(stalling, clock) };
  });
  const updates = callers.map(async ({ caller, rows }) => {
    for (let left = 3; left > 0; left--) {
      await clock.sleep(random.below(300));
      await rows.execute(update({ [`${caller}-${left}`]: 'yes' }));
    }
  });
  const names = new Set<string>();
  const puts = callers.map(async ({ caller, rows }) => {
    for (let left = 6; left > 0; left--) {
      await clock.sleep(random.below(200));
      const key = `${random.pick(['a', 'k', 'z'])}${caller}`;
      // With so many changes and stalls it may have to try again.
      while ((await kindOf(rows.execute(putOf(key)))) !== 'fulfilled') await clock.sleep(100);
      names.add(key);
    }
  });
  await run(Promise.all([...updates, ...puts]));
  checkCopies(shards);
  const expected = callers.flatMap(({ caller }) => [1, 2, 3].map((left) => `${caller}-${left}`));
  const rows = new ClusterRows(shards, clock);
  const container = await run(rows.get('container', { containerId }));
  expect(Object.keys(container?.settings ?? {}).sort()).toEqual(expected);
  const query = { prefix: '', delimiter: '', after: undefined, before: undefined };
  const page = await run(rows.listCurrent(containerId, { ...query, reverse: false, limit: 99 }));
  expect(page.items.map(({ name }) => name)).toEqual([...names].sort());
  expect((await run(rows.usage(containerId))).objects).toBe(names.size);
}

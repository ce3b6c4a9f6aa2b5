/** The row of a container in pieces is changed in all of them, or in none, whoever dies and whoever races. */
import { describe, expect, it } from 'vitest';
import { StoreError } from '../../../../base/errors.ts';
import type { Command } from '../../../../server/core/commands.ts';
import { ClusterRows } from '../../../../server/proxy/rows.ts';
import { pour } from '../../../memory/pour.ts';
import { SeededRandom } from '../../../sim/random.ts';
import { kindOf } from '../../core/fixture.ts';
import { checkCopies, raceDeletion, raceUpdates, raceVersioning, update } from './races.ts';
import {
  containerId,
  createScene,
  divide,
  pieceId,
  putOf,
  rowsOfPieces,
  type Scene,
  through,
} from './scene.ts';

const names = ['a', 'k', 'z'];

async function inThree(): Promise<Scene> {
  const scene = await createScene();
  divide(scene.shards, 'h', 'p');
  return scene;
}

/** A caller that dies before its call of this number, or when that was done: it hears of nothing any more. */
function mortal({ shards, clock }: Scene, call: number, when: 'before' | 'after'): ClusterRows {
  let calls = 0;
  let isDead = false;
  const hooked = through(shards, (step) => {
    if (step.when === 'before') calls++;
    isDead ||= calls === call && step.when === when;
    if (isDead) throw new StoreError('unavailable', 'test', 'the caller is dead');
  });
  return new ClusterRows(hooked, clock);
}

const deletion = { type: 'container.delete', containerId } as const;

describe('a change of the container', () => {
  it('reaches all pieces', async () => {
    const { shards, rows, run } = await inThree();
    await run(rows.execute(update({ x: '1' }, 'enabled')));
    for (const row of rowsOfPieces(shards)) {
      expect(row).toMatchObject({ versioning: 'enabled', settings: { x: '1' } });
      expect(row.piece).toMatchObject({ round: 1 });
    }
    checkCopies(shards);
  });

  it('that is refused leaves nothing fenced', async () => {
    const { shards, rows, run } = await inThree();
    await run(rows.execute(update({}, 'enabled')));
    const before = rowsOfPieces(shards);
    expect(await run(kindOf(rows.execute(update({}, 'off'))))).toBe('invalid-argument');
    expect(rowsOfPieces(shards)).toEqual(before);
    await run(rows.execute(putOf('z')));
    const refused = await run(rows.execute(deletion).catch((error: StoreError) => error));
    expect(refused).toMatchObject({
      kind: 'container-not-empty',
      detail: { versionsLeft: false, uploadsLeft: false },
    });
    checkCopies(shards);
    for (const name of names) await run(rows.execute(putOf(name)));
  });

  it('waits for its turn: none of several is lost', async () => {
    for (let seed = 1; seed <= 25; seed++) {
      const { shards, clock, run } = await inThree();
      const random = new SeededRandom(seed);
      shards.hook = () => clock.sleep(random.below(4));
      const changes = ['one', 'two', 'three'].map((name) =>
        new ClusterRows(shards, clock).execute(update({ [name]: 'yes' })),
      );
      await run(Promise.all(changes));
      for (const { settings } of rowsOfPieces(shards)) {
        expect(settings).toEqual({ one: 'yes', two: 'yes', three: 'yes' });
      }
      checkCopies(shards);
    }
  });

  it('and the names that are written meanwhile are kept, whoever stalls', async () => {
    for (let seed = 1; seed <= 20; seed++) await raceUpdates({ seed });
  });

  it('is brought to its end by whoever meets it, wherever its driver died', async () => {
    for (const command of [update({ x: '1' }, 'enabled'), deletion]) {
      for (const when of ['before', 'after'] as const) {
        for (let call = 1, isWhole = false; !isWhole; call++) {
          const scene = await inThree();
          const { shards, rows, run, clock } = scene;
          const driver = mortal(scene, call, when).execute(command);
          isWhole = await run(
            driver.then(
              () => true,
              () => false,
            ),
          );
          const isBegun = (shards.peek('round', { containerId })?.number ?? 0) > 0;
          const start = clock.monotonic();
          const kinds = await run(
            Promise.all(names.map((name) => kindOf(rows.execute(putOf(name))))),
          );
          // Whoever meets a fence is polite at first.
          expect(clock.monotonic() - start).toBeLessThan(700);
          // A deletion is refused when one of the puts was earlier.
          const isGone = shards.peek('container', { containerId })?.state === 'deleted';
          expect(kinds).toEqual(names.map(() => (isGone ? 'no-such-container' : 'fulfilled')));
          expect(isGone && command !== deletion).toBe(false);
          if (isGone) continue;
          await run(rows.execute(update({ y: '2' })));
          const settings = isBegun && command !== deletion ? { x: '1', y: '2' } : { y: '2' };
          for (const row of rowsOfPieces(shards)) expect(row.settings).toEqual(settings);
          checkCopies(shards);
        }
      }
    }
  });

  it('is finished by the next change too', async () => {
    for (let call = 1, isWhole = false; !isWhole; call++) {
      const scene = await inThree();
      const { shards, rows, run } = scene;
      const driver = mortal(scene, call, 'after').execute(update({ x: '1' }));
      isWhole = await run(
        driver.then(
          () => true,
          () => false,
        ),
      );
      const isBegun = shards.peek('round', { containerId }) !== undefined;
      await run(rows.execute(update({ y: '2' })));
      const settings = isBegun ? { x: '1', y: '2' } : { y: '2' };
      for (const row of rowsOfPieces(shards)) expect(row.settings).toEqual(settings);
      checkCopies(shards);
    }
  });

  it('reaches a piece whose shard was made again from an older backup, fence and all', async () => {
    const { shards, rows, run } = await inThree();
    const at = { containerId: pieceId(1) };
    await run(rows.execute(update({ x: '1' }, 'enabled')));
    const old = shards.peek('container', at);
    for (const x of ['2', '3', '4']) await run(rows.execute(update({ x })));
    if (old?.piece === undefined) throw new Error('it is a piece');
    shards.write('container', at, { ...old, piece: { ...old.piece, fence: 2 } });
    await run(rows.execute(putOf('k')));
    checkCopies(shards);
    expect(rowsOfPieces(shards)[1]?.settings).toEqual({ x: '4' });
  });

  it('reaches all pieces when the first one has forgotten the last ones', async () => {
    const { shards, rows, run } = await inThree();
    const old = shards.peek('container', { containerId });
    if (old === undefined) throw new Error('it lives');
    for (const x of ['1', '2', '3']) await run(rows.execute(update({ x })));
    await run(rows.execute(putOf('z')));
    shards.write('container', { containerId }, old);
    expect(await run(kindOf(rows.execute(deletion)))).toBe('container-not-empty');
    checkCopies(shards);
    await run(rows.execute(update({ y: '4' }, 'enabled')));
    checkCopies(shards);
    expect(rowsOfPieces(shards)[2]).toMatchObject({ versioning: 'enabled', settings: { y: '4' } });
  });

  it('is not changed by steps that come late, or twice', async () => {
    const { shards, clock, run } = await inThree();
    const late: Command[] = [];
    let isReplaying = false;
    const replay = async (): Promise<void> => {
      isReplaying = true;
      const before = shards.dump();
      for (const command of late) {
        await shards.route('containerId' in command ? command.containerId : '').execute(command);
      }
      expect(shards.dump()).toBe(before);
      isReplaying = false;
    };
    const recorded = through(shards, async ({ when, type, what }) => {
      if (isReplaying || when !== 'after' || type !== 'execute') return;
      // The shard layer carries commands as opaque values.
      const command = what as Command;
      if (command.type.startsWith('round.') || command.type.startsWith('piece.')) {
        if (command.type !== 'round.begin') late.push(command);
        await replay();
      }
    });
    const rows = new ClusterRows(recorded, clock);
    const feed = { target: 'other', rule: 'sync', prefix: '', suffix: '', events: [] };
    const expiration = { days: 3 };
    const rules = [{ id: 'r', isEnabled: true, filter: { prefix: '' }, expiration }];
    await run(
      rows.execute({
        ...update({ x: '1' }, 'enabled'),
        ...{ lifecycle: { rules }, feeds: { purpose: 'sync', feeds: [feed] } },
      }),
    );
    expect(late.length).toBeGreaterThan(5);
    pour(shards, pieceId(1), 'l', pieceId(7));
    await run(replay());
    await run(rows.execute(update({ x: '2', y: '1' }, 'suspended')));
    pour(shards, pieceId(2), 'y');
    pour(shards, pieceId(2), 'y', pieceId(8));
    await run(rows.execute(putOf('z')));
    await run(kindOf(rows.execute(deletion)));
    await run(rows.execute(update({ x: '3' })));
    checkCopies(shards);
    expect(rowsOfPieces(shards)).toHaveLength(5);
    for (const { feeds, lifecycle } of rowsOfPieces(shards)) {
      expect(feeds).toHaveLength(1);
      expect(lifecycle).toEqual({ rules });
    }
  });
});

describe('a deletion', () => {
  it('wins over racing puts or is refused, however they meet', async () => {
    for (let seed = 1; seed <= 120; seed++) await raceDeletion({ seed });
  });

  it('wins or is refused when a put comes at any of its steps', async () => {
    for (let call = 1, isOver = false; !isOver; call++) {
      for (const name of names) {
        const { shards, clock, rows, run } = await inThree();
        let calls = 0;
        let put: Promise<string> | undefined;
        const hooked = through(shards, ({ when }) => {
          if (when === 'before' && ++calls === call) put = kindOf(rows.execute(putOf(name)));
          // The put gets as far as it can.
          return put === undefined || when === 'after' ? undefined : clock.sleep(1);
        });
        const deleted = await run(kindOf(new ClusterRows(hooked, clock).execute(deletion)));
        isOver = put === undefined;
        const done = await run(put ?? kindOf(rows.execute(putOf(name))));
        expect([deleted, done]).toEqual(
          done === 'fulfilled'
            ? ['container-not-empty', 'fulfilled']
            : ['fulfilled', 'no-such-container'],
        );
        checkCopies(shards);
      }
    }
  });
});

describe('versioning', () => {
  it('is that which anybody was shown, for every later put', async () => {
    for (let seed = 1; seed <= 60; seed++) await raceVersioning({ seed });
  });
});

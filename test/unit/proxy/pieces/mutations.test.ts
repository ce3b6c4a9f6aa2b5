/** The tests of pieces have teeth: with any one check left out, some of them fails. */
import { expect, test } from 'vitest';
import type { Command } from '../../../../server/core/commands.ts';
import type { Piece } from '../../../../server/core/pieces/piece.ts';
import { noUsage } from '../../../../server/core/quota/usage.ts';
import { encodeRow, readRow } from '../../../../server/proxy/row-codec.ts';
import type { RowView, StateMachine } from '../../../../storage/shard/shard.ts';
import { realMachine } from '../../../memory/shards.ts';
import { raceDeletion, raceVersioning, useNames } from './races.ts';

const real = realMachine();

/** Writes of names are decided by a row of the container in which the piece is another. */
function misled(change: (piece: Piece) => Piece): StateMachine {
  return {
    ...real,
    decide: (command, rows, stamp) => {
      const isOfName = 'key' in (command as Command);
      return real.decide(command, isOfName ? withPiece(rows, change) : rows, stamp);
    },
  };
}

function withPiece(rows: RowView, change: (piece: Piece) => Piece): RowView {
  return {
    get: (key) => {
      const row = rows.get(key);
      if (row === undefined || key[0] !== 1 || key[17] !== 0x10) return row;
      const { memo: _, ...fresh } = row;
      const container = readRow<'container'>(row);
      if (container.piece === undefined) return row;
      return { ...fresh, meta: encodeRow({ ...container, piece: change(container.piece) }) };
    },
  };
}

/** Decides another command in place of one of this type. */
function instead<T extends Command['type']>(
  type: T,
  change: (command: Extract<Command, { type: T }>) => Command,
): StateMachine {
  return {
    ...real,
    decide: (given, rows, stamp) => {
      const command = given as Command;
      const isOne = (one: Command): one is Extract<Command, { type: T }> => one.type === type;
      return real.decide(isOne(command) ? change(command) : command, rows, stamp);
    },
  };
}

const mutations: Readonly<Record<string, StateMachine>> = {
  'a piece takes names of others': misled((piece) => ({ ...piece, from: '', to: undefined })),
  'a piece is written through its fence': misled((piece) => ({ ...piece, fence: undefined })),
  'names of other pieces are taken for gone': { ...real, checkKey: () => undefined },
  'names of other pieces are not listed': { ...real, checkListed: () => undefined },
  'a round fences nothing': {
    ...real,
    decide: (command, rows, stamp) => {
      const decision = real.decide(command, rows, stamp);
      return (command as Command).type === 'piece.fence' ? { ...decision, writes: [] } : decision;
    },
  },
  "a deletion ignores the other pieces' sums": instead('round.decide', (command) => ({
    ...command,
    others: noUsage,
  })),
};

async function isNoticed(machine: StateMachine): Promise<boolean> {
  try {
    await useNames({ machine });
    for (let seed = 1; seed <= 30; seed++) {
      await raceDeletion({ seed, machine });
      await raceVersioning({ seed, machine });
    }
  } catch {
    return true;
  }
  return false;
}

test('nothing is noticed where nothing is left out', async () => {
  expect(await isNoticed(real)).toBe(false);
});

for (const [name, machine] of Object.entries(mutations)) {
  test(`it is noticed when ${name}`, async () => {
    expect(await isNoticed(machine)).toBe(true);
  });
}

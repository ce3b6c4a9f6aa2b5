import { expect, test } from 'vitest';
import { isStoreError } from '../../../../base/errors.ts';
import { micros } from '../../../../base/units.ts';
import type { WriteCondition } from '../../../../server/core/commands.ts';
import { checkWriteCondition, visibleObject } from '../../../../server/core/decide/condition.ts';
import type { VersionRow } from '../../../../server/core/model.ts';
import {
  account,
  createContainer,
  createFixture,
  kindOf,
  owner,
  putCommand,
  text,
} from '../fixture.ts';

const row: VersionRow = {
  kind: 'object',
  version: micros(1_700_000_000_500_000),
  isNull: true,
  modifiedAt: micros(1_700_000_000_500_000),
  size: 0,
  etag: 'e1',
  contentType: '',
  system: {},
  user: {},
  checksums: [],
  body: { type: 'empty' },
};

// s3.md section 2 (2024-08 and 2024-11), and WriteCondition's own words.
const cases: readonly (readonly [string, WriteCondition, string, string])[] = [
  // what, condition, over an object, over nothing
  ['none', {}, 'ok', 'ok'],
  ['if-match of it', { ifMatch: ['e0', 'e1'] }, 'ok', 'no-such-object'],
  ['if-match of another', { ifMatch: ['e2'] }, 'precondition-failed', 'no-such-object'],
  ['if-match *', { ifMatch: '*' }, 'ok', 'no-such-object'],
  ['Swift if-match', { ifMatch: ['e1'], absentFails: true }, 'ok', 'precondition-failed'],
  ['if-none-match *', { ifNoneMatch: '*' }, 'precondition-failed', 'ok'],
  ['if-none-match of it', { ifNoneMatch: ['e1'] }, 'precondition-failed', 'ok'],
  ['if-none-match of another', { ifNoneMatch: ['e2'] }, 'ok', 'ok'],
  ['unmodified since its second', { ifUnmodifiedSince: 1_700_000_000_000 }, 'ok', 'ok'],
  [
    'unmodified since before',
    { ifUnmodifiedSince: 1_699_999_999_000 },
    'precondition-failed',
    'ok',
  ],
];

function outcome(condition: WriteCondition, existing: VersionRow | undefined): string {
  try {
    checkWriteCondition(condition, existing, 'test');
    return 'ok';
  } catch (error) {
    if (isStoreError(error)) return error.kind;
    throw error;
  }
}

test.each(cases)('%s', (_name, condition, overObject, overNothing) => {
  expect(outcome(condition, row)).toBe(overObject);
  expect(outcome(condition, undefined)).toBe(overNothing);
});

test('a delete marker and an expired object are absent', () => {
  expect(visibleObject(row, 0)).toBe(row);
  expect(visibleObject({ ...row, kind: 'delete-marker' }, 0)).toBeUndefined();
  expect(visibleObject({ ...row, expiresAt: 100 }, 99)).toBeDefined();
  expect(visibleObject({ ...row, expiresAt: 100 }, 100)).toBeUndefined();
});

test('of 32 racing creations one wins, and the losers leave nothing', async () => {
  const { core, bodies } = createFixture();
  await createContainer(core, 'c');
  const puts = Array.from({ length: 32 }, (_, index) => {
    const bytes = Buffer.alloc(40, index);
    const condition = { ifNoneMatch: '*' } as const;
    return kindOf(core.putObject(owner, putCommand('c', 'k', bytes, { condition })));
  });
  const kinds = await Promise.all(puts);
  expect(kinds.filter((kind) => kind === 'fulfilled')).toHaveLength(1);
  expect(kinds.filter((kind) => kind === 'precondition-failed')).toHaveLength(31);
  expect(bodies.stored.size).toBe(1);
});

test('a chain of If-Match increments loses none', async () => {
  const { core } = createFixture();
  await createContainer(core, 'c');
  await core.putObject(owner, putCommand('c', 'n', text('0')));
  const at = { account, container: 'c', key: 'n', condition: {} };
  const increment = async (): Promise<void> => {
    for (;;) {
      const reader = await core.openObject(owner, at);
      const pieces: Uint8Array[] = [];
      for await (const piece of reader.read(0, reader.row.size)) pieces.push(piece);
      const next = String(Number(Buffer.concat(pieces).toString()) + 1);
      const condition = { ifMatch: [reader.row.etag] };
      const put = core.putObject(owner, putCommand('c', 'n', text(next), { condition }));
      if ((await kindOf(put)) === 'fulfilled') return;
    }
  };
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      for (let i = 0; i < 10; i++) await increment();
    }),
  );
  const reader = await core.openObject(owner, at);
  for await (const piece of reader.read(0, 2)) expect(Buffer.from(piece).toString()).toBe('80');
});

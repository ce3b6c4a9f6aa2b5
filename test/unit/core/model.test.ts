import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Micros } from '../../../base/units.ts';
import { versionIdOf } from '../../../server/core/model.ts';
import { CompareCore, type Step } from './compare.ts';

const keys = ['a', 'a/', 'a/b', '\u{ff5e}', '\u{1f600}'] as const;

/** Mostly one key, so that its history grows deep. */
const key = fc.oneof({ weight: 3, arbitrary: fc.constant('a') }, fc.constantFrom(...keys));
const condition = fc.oneof(
  { weight: 6, arbitrary: fc.constant('none' as const) },
  fc.constantFrom('absent', 'any', 'current', 'wrong'),
);
const size = fc.constantFrom(0, 3, 9, 40);

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant('put' as const), key, size, condition }) },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('delete' as const),
      key,
      /** Undefined: no version id. A number: that one of the versions there are; `bad`: none of them. */
      version: fc.option(fc.oneof(fc.nat(4), fc.constantFrom('bad', 'null')), { nil: undefined }),
      leavesGap: fc.boolean(),
      condition,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant('promote' as const), key, version: fc.nat(4) }),
  },
  fc.record({
    type: fc.constant('versioning' as const),
    to: fc.constantFrom('off', 'enabled', 'suspended'),
  }),
  fc.record({ type: fc.constant('update' as const), key, version: fc.option(fc.nat(3)) }),
  fc.record({ type: fc.constant('put-expiring' as const), key, millis: fc.constantFrom(1, 5000) }),
  fc.record({ type: fc.constant('wait' as const), millis: fc.constantFrom(1, 4000, 100_000) }),
  fc.record({ type: fc.constant('create-upload' as const), key }),
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('put-part' as const),
      upload: fc.nat(1),
      partNumber: fc.integer({ min: 1, max: 4 }),
      size: fc.constantFrom(0, 5, 8, 20, 30),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('complete' as const),
      upload: fc.nat(1),
      how: fc.constantFrom('all', 'last', 'reversed', 'wrong-etag', 'none'),
      condition,
    }),
  },
  fc.record({ type: fc.constant('abort' as const), upload: fc.nat(1) }),
  fc.record({ type: fc.constant('copy' as const), from: key, to: key }),
);

test.each([
  ['plain', false],
  ['encrypted', true],
])(
  'core does what the model does, its bodies %s, and its sums are exact after each step',
  async (_, encryptAll) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 20, maxLength: 60, size: 'max' }),
        async (steps) => {
          const compare = await CompareCore.create(encryptAll);
          for (const one of steps) {
            await compare.run(one);
            await compare.check();
          }
          await compare.checkNothingLeaks();
        },
      ),
      { numRuns: 100, seed: 20_260_101 },
    );
  },
  120_000,
);

test('a version id is the stamp in hex, or null', () => {
  const version = 0x5_0000_0000_0000 as Micros;
  expect(versionIdOf({ version, isNull: false })).toBe('0005000000000000');
  expect(versionIdOf({ version, isNull: true })).toBe('null');
});

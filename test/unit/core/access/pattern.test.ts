import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  isInRange,
  parseAddress,
  parseRange,
} from '../../../../server/core/access/address-range.ts';
import { parseDate, parseNumber } from '../../../../server/core/access/condition.ts';
import {
  type Pattern,
  type Token,
  preparePattern,
} from '../../../../server/core/access/pattern.ts';

const none = (): undefined => undefined;

describe('patterns', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 4 });
  const token: fc.Arbitrary<Token> = fc.oneof(
    letters,
    fc.constant<Token>({ type: 'any' }),
    fc.constant<Token>({ type: 'one' }),
    letters.map((fact): Token => ({ type: 'fact', fact })),
  );

  test('match as the regular expression that they stand for', () => {
    fc.assert(
      fc.property(fc.array(token, { maxLength: 6 }), letters, letters, (pattern, one, two) => {
        const text = one + two;
        const source = pattern
          .map((part) => {
            if (typeof part === 'string') return part;
            if (part.type === 'any') return '.*';
            // A fact's value is itself, whatever it looks like.
            return part.type === 'one' ? '.' : part.fact;
          })
          .join('');
        const isMatch = preparePattern(pattern)(text, (fact) => [fact]);
        expect(isMatch).toBe(new RegExp(`^${source}$`, 's').test(text));
      }),
      { seed: 1, numRuns: 5000 },
    );
  });

  test('values of facts are no patterns', () => {
    const pattern: Pattern = ['home/', { type: 'fact', fact: 'user' }, '/', { type: 'any' }];
    const matches = preparePattern(pattern);
    expect(matches('home/bob/x', () => ['bob'])).toBe(true);
    expect(matches('home/bob/x', () => ['*'])).toBe(false);
    expect(matches('home/*/x', () => ['*'])).toBe(true);
    // Neither nothing nor one of several is the value that was meant.
    expect(matches('home//x', none)).toBe(false);
    expect(matches('home/bob/x', () => ['bob', 'eve'])).toBe(false);
  });

  test('take no more than the product of the lengths', () => {
    const pattern = Array.from({ length: 60 }, (_, index): Token => {
      return index % 2 === 0 ? { type: 'any' } : 'a';
    });
    const matches = preparePattern([...pattern, 'b']);
    const { user } = process.cpuUsage();
    expect(matches('a'.repeat(1024), none)).toBe(false);
    // A backtracking matcher would not end in this universe.
    expect((process.cpuUsage().user - user) / 1000).toBeLessThan(2000);
  });
});

describe('addresses', () => {
  test.each([
    ['1.2.3.4', 32],
    ['::ffff:1.2.3.4', 32],
    ['[::1]', 128],
    ['fe80::1%eth0', 128],
    ['1:2:3:4:5:6:7:8', 128],
    ['::', 128],
  ])('%s is one', (text, bits) => {
    expect(parseAddress(text)?.bits).toBe(bits);
  });

  test.each(['', '1.2.3', '1.2.3.256', '1.2.3.4.5', ':::', '1::2::3', '1:2:3:4:5:6:7', 'g::', 'x'])(
    '%j is none',
    (text) => {
      expect(parseAddress(text)).toBe(undefined);
      expect(parseRange(text)).toBe(undefined);
    },
  );

  test.each(['1.2.3.4/33', '::/129', '1.2.3.4/', '1.2.3.4/-1', '1.2.3.4/8/8'])(
    '%s is no range',
    (text) => {
      expect(parseRange(text)).toBe(undefined);
    },
  );

  test('lie in ranges by their first bits', () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.nat(32), fc.ipV4(), (base, length, other) => {
        const bits = (text: string): string =>
          text
            .split('.')
            .map((byte) => Number(byte).toString(2).padStart(8, '0'))
            .join('');
        const range = parseRange(`${base}/${length}`);
        const address = parseAddress(other);
        if (range === undefined || address === undefined) throw new Error('no addresses');
        const same = bits(base).slice(0, length) === bits(other).slice(0, length);
        expect(isInRange(address, range)).toBe(same);
      }),
      { seed: 1 },
    );
  });
});

test('numbers and dates', () => {
  expect(['1', '-1.5', '+2', '1e3', '', '0x1', ' 1'].map(parseNumber)).toEqual([
    1,
    -1.5,
    2,
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
  const dates = [
    '2030',
    '2030-01',
    '2030-01-02T03:04Z',
    '1900000000',
    '2030-13',
    '1/2/2030',
    'now',
  ];
  expect(dates.map(parseDate)).toEqual([
    Date.UTC(2030, 0),
    Date.UTC(2030, 0),
    Date.UTC(2030, 0, 2, 3, 4),
    1_900_000_000_000,
    undefined,
    undefined,
    undefined,
  ]);
});

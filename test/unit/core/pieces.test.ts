import { expect, it } from 'vitest';
import { holds, isBehind } from '../../../server/core/pieces/piece.ts';

it('a piece holds the names from its first to before the next one’s first, as bytes order them', () => {
  const middle = { of: '', from: 'b', to: '\u{FF5E}', round: 0 };
  expect(['a', 'b', 'b\u0000', 'z'].map((name) => holds(middle, name))).toEqual([
    false,
    true,
    true,
    true,
  ]);
  // Above U+FFFF bytes order otherwise than UTF-16 does.
  expect(['\u{FF5D}', '\u{FF5E}', '\u{1F600}'].map((name) => holds(middle, name))).toEqual([
    true,
    false,
    false,
  ]);
  expect(isBehind(middle, '\u{1F600}')).toBe(true);
  const only = { of: '', from: '', round: 0 };
  expect(['', '\u0000', '\u{10FFFF}'].every((name) => holds(only, name))).toBe(true);
});

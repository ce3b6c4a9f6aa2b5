import { expect, it } from 'vitest';
import { compareUtf8 } from '../../../base/bytes.ts';
import { walkOf } from '../../../server/feeds/walk.ts';

const piece = { of: 'a', round: 0 };

it('a container in one piece is walked whole', () => {
  expect(walkOf({}, {})).toEqual({ from: '', after: undefined, before: undefined });
  expect(walkOf({ to: 'm' }, { piece: { ...piece, from: '' } })).toMatchObject({ before: 'm' });
});

it('a listing begins right before the first name of a piece', () => {
  const below: Readonly<Record<string, string>> = {
    ab: 'aa~long',
    'a\u0000': 'a',
    '\ue000': '\ud7ff~long',
    '\u{10000}': '\uffff~long',
    '\u{1f600}x': '\u{1f600}w~long',
  };
  for (const [from, lower] of Object.entries(below)) {
    const { after = '' } = walkOf({}, { piece: { ...piece, from } });
    expect([from, after.isWellFormed()]).toEqual([from, true]);
    expect([from, compareUtf8(after, from) < 0]).toEqual([from, true]);
    expect([from, compareUtf8(lower, after) <= 0]).toEqual([from, true]);
  }
  expect(walkOf({}, { piece: { ...piece, from: '\u0000' } }).after).toBeUndefined();
});

import { describe, expect, it } from 'vitest';
import { contentRange, parseRangeHeader, resolveRange } from '../../../server/http/range.ts';

describe('Range header', () => {
  it('reads the three forms', () => {
    expect(parseRangeHeader('bytes=0-9')).toEqual([{ first: 0, last: 9 }]);
    expect(parseRangeHeader('bytes=5-')).toEqual([{ first: 5, last: undefined }]);
    expect(parseRangeHeader('bytes=-7')).toEqual([{ first: undefined, last: 7 }]);
    expect(parseRangeHeader('Bytes=0-0, 2-3,,-1')).toHaveLength(3);
  });

  it('ignores what is malformed or of another unit', () => {
    const bad = [
      '',
      'bytes',
      'bytes=',
      'bytes=-',
      'bytes=a-b',
      'bytes=5-2',
      'items=0-1',
      'bytes=0-1,x',
      'bytes=1--2',
      'bytes=+1-2',
    ];
    for (const value of bad) expect(parseRangeHeader(value), value).toBeUndefined();
    expect(parseRangeHeader(undefined)).toBeUndefined();
    expect(parseRangeHeader(`bytes=${'0-1,'.repeat(1001)}`)).toBeUndefined();
  });

  it('allows blanks anywhere only where asked (Swift)', () => {
    expect(parseRangeHeader('BYTES = 0 - 999')).toBeUndefined();
    expect(parseRangeHeader('BYTES = 0 - 999', { blanksAnywhere: true })).toEqual([
      { first: 0, last: 999 },
    ]);
  });

  it('resolves against a size', () => {
    expect(resolveRange({ first: 0, last: 9 }, 5)).toEqual({ start: 0, end: 5 });
    expect(resolveRange({ first: 5, last: undefined }, 5)).toBeUndefined();
    expect(resolveRange({ first: undefined, last: 2 }, 5)).toEqual({ start: 3, end: 5 });
    expect(resolveRange({ first: undefined, last: 20 }, 5)).toEqual({ start: 0, end: 5 });
    expect(resolveRange({ first: undefined, last: 0 }, 5)).toBeUndefined();
    expect(resolveRange({ first: undefined, last: 3 }, 0)).toBeUndefined();
    const huge = parseRangeHeader('bytes=0-99999999999999999999')?.[0];
    expect(huge && resolveRange(huge, 5)).toEqual({ start: 0, end: 5 });
    expect(contentRange({ start: 3, end: 5 }, 5)).toBe('bytes 3-4/5');
  });
});

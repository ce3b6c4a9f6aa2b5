import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatHttpDate,
  parseEntityTags,
  parseHttpDate,
} from '../../../server/http/conditional.ts';

describe('entity tags', () => {
  it('strips quotes and W/, keeps bare ones, splits lists', () => {
    expect(parseEntityTags('"abc"')).toEqual(['abc']);
    expect(parseEntityTags('W/"abc", def ,"g,h"')).toEqual(['abc', 'def', 'g,h']);
    expect(parseEntityTags(' * ')).toBe('*');
    expect(parseEntityTags('"unclosed')).toEqual(['unclosed']);
    expect(parseEntityTags('not-"abc", "d"')).toEqual(['not-"abc"', 'd']);
    expect(parseEntityTags('')).toBeUndefined();
    expect(parseEntityTags(undefined)).toBeUndefined();
  });

  it('ends on any input', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const tags = parseEntityTags(text);
        return tags === undefined || tags === '*' || tags.every((tag) => tag === tag.trim());
      }),
    );
  });
});

describe('HTTP dates', () => {
  it('reads the three forms of RFC 9110', () => {
    const expected = Date.UTC(1994, 10, 6, 8, 49, 37);
    expect(parseHttpDate('Sun, 06 Nov 1994 08:49:37 GMT')).toBe(expected);
    expect(parseHttpDate('Sunday, 06-Nov-94 08:49:37 GMT')).toBe(expected);
    expect(parseHttpDate('Sun Nov  6 08:49:37 1994')).toBe(expected);
  });

  it('refuses everything else', () => {
    const bad = [
      '',
      'yesterday',
      '1994-11-06',
      'Sun, 31 Feb 1994 08:49:37 GMT',
      'Sun, 06 Nov 1994 25:49:37 GMT',
      'Sun, 06 Foo 1994 08:49:37 GMT',
    ];
    for (const value of bad) expect(parseHttpDate(value), value).toBeUndefined();
  });

  it('agrees with the platform over four thousand years', () => {
    fc.assert(
      fc.property(fc.integer({ min: -62_000_000_000, max: 100_000_000_000 }), (seconds) => {
        const text = formatHttpDate(seconds * 1000 + 999);
        expect(text).toBe(new Date(seconds * 1000).toUTCString());
        expect(parseHttpDate(text)).toBe(seconds * 1000);
      }),
    );
  });
});

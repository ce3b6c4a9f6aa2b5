import { describe, expect, it } from 'vitest';
import { readMetadataPatch, readObjectMetadata } from '../../../server/swift/metadata.ts';
import { guessType } from '../../../server/swift/mime.ts';
import { selectSpans } from '../../../server/swift/object/byte-ranges.ts';
import { formatExpiry, readExpiry } from '../../../server/swift/object/expiry.ts';
import { Refusal } from '../../../server/swift/reply.ts';

function refusalOf(run: () => unknown): number | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (error instanceof Refusal) return error.reply.status;
    throw error;
  }
}

describe('ranges', () => {
  it('are served as Swift serves them', () => {
    expect(selectSpans('bytes=0-9', 100)).toEqual([{ start: 0, end: 10 }]);
    expect(selectSpans('BYTES = 0 - 9', 100)).toEqual([{ start: 0, end: 10 }]);
    expect(selectSpans('bytes=-10', 100)).toEqual([{ start: 90, end: 100 }]);
    expect(selectSpans('bytes=-0', 100)).toEqual([]);
    expect(selectSpans('bytes=100-', 100)).toEqual([]);
    expect(selectSpans('parsecs=8-12', 100)).toBeUndefined();
    expect(selectSpans('bytes=5-3', 100)).toBeUndefined();
    expect(selectSpans('bytes=0-1,200-300,4-5', 100)).toEqual([
      { start: 0, end: 2 },
      { start: 4, end: 6 },
    ]);
    expect(selectSpans('bytes=-5', 0)).toBeUndefined();
    expect(selectSpans('bytes=0-', 0)).toEqual([]);
  });

  it('are refused when they cost too much', () => {
    const many = (count: number): string =>
      `bytes=${Array.from({ length: count }, (_, i) => `${i * 2}-${i * 2}`).join(',')}`;
    expect(selectSpans(many(50), 1000)).toHaveLength(50);
    expect(selectSpans(many(51), 1000)).toEqual([]);
    expect(selectSpans('bytes=0-10,5-15', 100)).toHaveLength(2);
    expect(selectSpans('bytes=0-10,5-15,6-16', 100)).toEqual([]);
    expect(selectSpans('bytes=70-71,60-61,50-51,40-41,30-31,20-21,10-11', 100)).toHaveLength(7);
    expect(selectSpans('bytes=70-71,60-61,50-51,40-41,30-31,20-21,10-11,0-1', 100)).toEqual([]);
  });
});

describe('expiry', () => {
  const now = 1_700_000_000_500;
  const read = (name: string, value: string): number | undefined =>
    readExpiry(new Map([[name, value]]), now);

  it('is a second of the future', () => {
    expect(readExpiry(new Map(), now)).toBeUndefined();
    expect(read('x-delete-at', '1700000001')).toBe(1_700_000_001_000);
    expect(read('x-delete-after', '10')).toBe(1_700_000_010_000);
    expect(read('x-delete-at', '99999999999')).toBe(9_999_999_999_000);
    expect(formatExpiry(9_999_999_999_000)).toBe('9999999999');
  });

  it('is refused otherwise', () => {
    for (const value of ['', 'x', '1.5', '0', '-1', '1700000000']) {
      expect([value, refusalOf(() => read('x-delete-at', value))]).toEqual([value, 400]);
    }
    for (const value of ['', 'x', '1.5', '0', '-1']) {
      expect([value, refusalOf(() => read('x-delete-after', value))]).toEqual([value, 400]);
    }
  });
});

describe('metadata', () => {
  const named = (name: string, value = 'v'): ReadonlyMap<string, string> =>
    new Map([[`x-object-meta-${name}`, value]]);

  it('has limits in bytes', () => {
    expect(refusalOf(() => readObjectMetadata(named('n'.repeat(128), 'v'.repeat(256))))).toBe(
      undefined,
    );
    expect(refusalOf(() => readObjectMetadata(named('n'.repeat(129))))).toBe(400);
    expect(refusalOf(() => readObjectMetadata(named('n', 'v'.repeat(257))))).toBe(400);
    expect(refusalOf(() => readObjectMetadata(named('')))).toBe(400);
    const count = (items: number, size = 1): ReadonlyMap<string, string> =>
      new Map(
        Array.from({ length: items }, (_, i) => [
          `x-object-meta-${String(i).padStart(2, '0')}`,
          'v'.repeat(size),
        ]),
      );
    expect(Object.keys(readObjectMetadata(count(90)))).toHaveLength(90);
    expect(refusalOf(() => readObjectMetadata(count(91)))).toBe(400);
    expect(refusalOf(() => readObjectMetadata(count(16, 254)))).toBe(undefined);
    expect(refusalOf(() => readObjectMetadata(count(16, 255)))).toBe(400);
    const long = new Map([['x-anything', 'v'.repeat(8193)]]);
    expect(refusalOf(() => readObjectMetadata(long))).toBe(400);
  });

  it('of accounts and containers is UTF-8, and an empty value removes', () => {
    const patch = readMetadataPatch(
      new Map([
        ['x-container-meta-a', '1'],
        ['x-container-meta-b', ''],
        ['x-remove-container-meta-c', 'x'],
        ['x-remove-container-meta-a', 'x'],
        ['x-object-meta-d', '1'],
      ]),
      'container',
    );
    expect(patch).toEqual({ a: '1', b: null, c: null });
    const raw = new Map([['x-account-meta-a', '\xff']]);
    expect(refusalOf(() => readMetadataPatch(raw, 'account'))).toBe(400);
  });
});

describe('guessed types', () => {
  it('go by the extension', () => {
    const types = [
      ['a.wav', 'audio/x-wav'],
      ['a.txt', 'text/plain'],
      ['dir.zip/a.ZIP', 'application/zip'],
      ['a.tar.gz', 'application/x-tar'],
      ['a.tgz', 'application/x-tar'],
      ['a.gz', 'application/octet-stream'],
      ['a', 'application/octet-stream'],
      ['.txt', 'application/octet-stream'],
      ['dir.html/', 'application/octet-stream'],
    ];
    expect(types.map(([name = '']) => [name, guessType(name)])).toEqual(types);
  });
});

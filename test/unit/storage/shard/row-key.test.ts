import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareBytes, concatBytes } from '../../../../base/bytes.ts';
import {
  decodeName,
  encodeName,
  escapeName,
  keyAfter,
  prefixEnd,
} from '../../../../storage/shard/row-key.ts';

// Few distinct bytes, so that zeros, terminators and 0xFF meet often.
const name = fc
  .array(fc.constantFrom(0, 1, 0x2f, 0x61, 0xfe, 0xff), { maxLength: 6 })
  .map((bytes) => new Uint8Array(bytes));

describe('a name in a row key', () => {
  it('keeps the order of names, whatever follows them', () => {
    fc.assert(
      fc.property(name, name, name, name, (a, b, suffixA, suffixB) => {
        const order = Math.sign(compareBytes(a, b));
        const [keyA, keyB] = [
          concatBytes([encodeName(a), suffixA]),
          concatBytes([encodeName(b), suffixB]),
        ];
        if (order !== 0) expect(Math.sign(compareBytes(keyA, keyB))).toBe(order);
      }),
    );
  });

  it('is read back with what follows it', () => {
    fc.assert(
      fc.property(name, name, name, (before, text, after) => {
        const key = concatBytes([before, encodeName(text), after]);
        const { name: read, end } = decodeName(key, before.length);
        expect([...read]).toEqual([...text]);
        expect([...key.subarray(end)]).toEqual([...after]);
      }),
    );
  });

  it('starts with an escaped prefix exactly when the name starts with the prefix', () => {
    fc.assert(
      fc.property(name, name, (prefix, text) => {
        const escaped = escapeName(prefix);
        const encoded = encodeName(text);
        const end = prefixEnd(escaped);
        const within =
          compareBytes(encoded, escaped) >= 0 &&
          (end === undefined || compareBytes(encoded, end) < 0);
        const starts = compareBytes(text.subarray(0, prefix.length), prefix) === 0;
        expect(within).toBe(starts && text.length >= prefix.length);
      }),
    );
  });

  it('is refused when it has no end or an impossible escape', () => {
    expect(() => decodeName(new Uint8Array([1, 2]), 0)).toThrow();
    expect(() => decodeName(new Uint8Array([1, 0, 7]), 0)).toThrow();
    expect(() => decodeName(new Uint8Array([1, 0]), 0)).toThrow();
  });

  it('is followed at once by itself and a zero byte', () => {
    const key = new Uint8Array([1, 2]);
    expect([...keyAfter(key)]).toEqual([1, 2, 0]);
  });
});

import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { placementHash, partitionOf } from '../../../ring/hash.ts';

const objectId = '000102030405060708090a0b0c0d0e0f';
const placed = { account: 'a', container: 'c', key: 'k', objectId };

test('is SHA-256 of the length-prefixed fields, as written down', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (container, key) => {
      const hash = createHash('sha256');
      for (const field of ['a', container, key, objectId]) {
        const bytes = Buffer.from(field, 'utf8');
        hash.update(
          Uint8Array.of(...[24, 16, 8, 0].map((shift) => (bytes.length >> shift) & 0xff)),
        );
        hash.update(bytes);
      }
      const expected = hash.digest().readUInt32BE(0);
      expect(placementHash({ ...placed, container, key })).toBe(expected);
    }),
    { numRuns: 100, seed: 1 },
  );
});

test('the border between fields counts', () => {
  const hashes = [
    ['ab', 'c'],
    ['a', 'bc'],
    ['abc', ''],
    ['', 'abc'],
  ].map(([container = '', key = '']) => placementHash({ ...placed, container, key }));
  expect(new Set(hashes).size).toBe(4);
});

test('a partition is the top bits', () => {
  const hash = placementHash(placed);
  for (let power = 1; power <= 20; power++) {
    expect(partitionOf({ partitionPower: power }, placed)).toBe(
      Math.floor(hash / 2 ** (32 - power)),
    );
  }
});

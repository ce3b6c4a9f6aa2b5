import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ErrorKind, isStoreError } from '../../../base/errors.ts';
import { buildRing } from '../../../ring/builder.ts';
import { decodeRing, encodeRing } from '../../../ring/ring-file.ts';
import { bounded, regularDevices, wildPlans } from './topologies.ts';

const ring = buildRing({ devices: regularDevices([1, 2, 2, 2]), width: 4, partitionPower: 3 });
const whole = encodeRing(ring);

/** Gives damaged bytes a right digest, so that the checks behind it are reached. */
function seal(bytes: Uint8Array): Uint8Array {
  if (bytes.length < 32) return bytes;
  const end = bytes.length - 32;
  bytes.set(createHash('sha256').update(bytes.subarray(0, end)).digest(), end);
  return bytes;
}

function patched(offset: number, ...values: readonly number[]): Uint8Array {
  const bytes = Uint8Array.from(whole);
  bytes.set(values, offset);
  return bytes;
}

function refusal(bytes: Uint8Array): ErrorKind | 'foreign' | undefined {
  try {
    decodeRing(bytes);
    return undefined;
  } catch (error) {
    return isStoreError(error) ? error.kind : 'foreign';
  }
}

test('decodes to what was encoded, from any alignment', () => {
  fc.assert(
    fc.property(wildPlans(fc.double({ min: 0.5, max: 9, noNaN: true })), (plan) => {
      const built = buildRing({ ...plan, partitionPower: 4 });
      const bytes = encodeRing(built);
      const shifted = new Uint8Array(bytes.length + 1);
      shifted.set(bytes, 1);
      expect(decodeRing(shifted.subarray(1))).toEqual(built);
      expect(encodeRing(decodeRing(bytes))).toEqual(bytes);
    }),
    bounded(50),
  );
});

describe('damage', () => {
  test('every flipped bit is noticed', () => {
    for (let i = 0; i < whole.length; i++) {
      const kind = refusal(patched(i, (whole[i] ?? 0) ^ (1 << (i % 8))));
      expect(kind).toBe(i >= 8 && i < 12 ? 'not-implemented' : 'corrupt');
    }
  });

  test('every cut is noticed', () => {
    for (let length = 0; length < whole.length; length++) {
      expect(refusal(whole.subarray(0, length))).toBe('corrupt');
    }
    expect(refusal(Uint8Array.of(...whole, 0))).toBe('corrupt');
  });

  const table = 32;
  const assignment = whole.length - 32 - 2 * 4 * 8;
  test.each<[string, Uint8Array]>([
    ['ring version 0', patched(16, 0, 0, 0, 0)],
    ['a power of 0', patched(20, 0)],
    ['a power of 21', patched(20, 21)],
    ['another power', patched(20, 4)],
    ['a width of 0', patched(21, 0)],
    ['a width of 255', patched(21, 255)],
    ['no devices', patched(22, 0, 0)],
    ['a device too few', patched(22, 7)],
    ['a device too many', patched(22, 9)],
    ['a longer device table', patched(24, 0xff, 0xff, 0xff, 0xff)],
    ['reserved bytes', patched(28, 1)],
    ['devices out of order', patched(table, 9)],
    ['a negative weight', patched(table + 11, 0xbf)],
    ['a weight of -0', patched(table + 4, 0, 0, 0, 0, 0, 0, 0, 0x80)],
    ['a weight that is no number', patched(table + 10, 0xf8, 0x7f)],
    ['a name that is not UTF-8', patched(table + 14, 0xff)],
    ['a name that runs out of the table', patched(table + 12, 0xff, 0xff)],
    ['an unknown device', patched(assignment, 8)],
    ['a device twice', patched(assignment, whole[assignment + 16] ?? 0)],
  ])('%s with a right digest', (_, bytes) => {
    expect(refusal(seal(bytes))).toBe('corrupt');
  });

  test('any bytes decode to a ring that encodes to them, or are refused by StoreError', () => {
    const edits = fc.array(fc.tuple(fc.nat(whole.length - 33), fc.integer({ min: 0, max: 255 })), {
      minLength: 1,
      maxLength: 4,
    });
    const mutated = fc.tuple(edits, fc.nat(80)).map(([list, cut]) => {
      const bytes = Uint8Array.from(whole.subarray(0, whole.length - (cut > 40 ? 0 : cut)));
      for (const [offset, value] of list) if (offset < bytes.length) bytes[offset] = value;
      return seal(bytes);
    });
    fc.assert(
      fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 200 })), (bytes) => {
        const kind = refusal(bytes);
        if (kind === undefined) expect(encodeRing(decodeRing(bytes))).toEqual(bytes);
        else expect(['corrupt', 'not-implemented']).toContain(kind);
      }),
      bounded(2000),
    );
  });
});

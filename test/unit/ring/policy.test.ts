import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isStoreError } from '../../../base/errors.ts';
import {
  formatScheme,
  minDevices,
  parseScheme,
  shardReplicas,
  writeQuorum,
} from '../../../ring/policy.ts';

describe('schemes', () => {
  test.each([
    ['ec:4+2', { kind: 'ec', k: 4, m: 2 }, 6, 5, 3],
    ['ec:8+4', { kind: 'ec', k: 8, m: 4 }, 12, 10, 5],
    ['ec:2+1', { kind: 'ec', k: 2, m: 1 }, 3, 3, 2],
    ['ec:16+6', { kind: 'ec', k: 16, m: 6 }, 22, 19, 7],
    ['ec:1+0', { kind: 'ec', k: 1, m: 0 }, 1, 1, 1],
    ['replica:1', { kind: 'replica', k: 1, m: 0 }, 1, 1, 1],
    ['replica:3', { kind: 'replica', k: 1, m: 2 }, 3, 2, 3],
    ['replica:7', { kind: 'replica', k: 1, m: 6 }, 7, 4, 7],
    ['lrc:8+2+2', { kind: 'lrc', k: 8, m: 4 }, 12, 11, 4],
    ['lrc:4+2+2', { kind: 'lrc', k: 4, m: 4 }, 8, 7, 4],
    ['lrc:16+2+2', { kind: 'lrc', k: 16, m: 4 }, 20, 19, 4],
  ])('%s', (text, scheme, devices, quorum, replicas) => {
    const parsed = parseScheme(text);
    expect(parsed).toEqual(scheme);
    expect(formatScheme(parsed)).toBe(text);
    expect(minDevices(parsed)).toBe(devices);
    expect(writeQuorum(parsed)).toBe(quorum);
    expect(shardReplicas(parsed)).toBe(replicas);
  });

  const refused =
    '|ec|ec:|ec:4|ec:4+|ec:+2|ec:0+2|ec:17+2|ec:4+7|ec:04+2|ec:4+02| ec:4+2|ec:4+2\n|EC:4+2|' +
    'ec:4-2|ec:4.0+2|ec:٤+٢|ec:4+2+1|replica:0|replica:8|replica:|replica:-1|replica:3x|copy:3|' +
    'lrc:8+4|lrc:7+2+2|lrc:2+2+2|lrc:18+2+2|lrc:8+2+1|lrc:8+2+2+2|lrc:08+2+2';
  test.each(refused.split('|'))('refuses "%s"', (text) => {
    expect(() => parseScheme(text)).toThrow(
      expect.toSatisfy((error) => isStoreError(error, 'invalid-argument')),
    );
  });

  test('any text is a scheme that formats back to it, or a StoreError', () => {
    const text = fc.oneof(
      fc.string(),
      fc.stringMatching(/^(ec:\d{0,3}\+?\d{0,2}|replica:\d{0,2}|lrc:\d{0,3}\+2\+2)$/),
    );
    fc.assert(
      fc.property(text, (input) => {
        try {
          expect(formatScheme(parseScheme(input))).toBe(input);
        } catch (error) {
          if (!isStoreError(error, 'invalid-argument')) throw error;
        }
      }),
      { numRuns: 500, seed: 1 },
    );
  });
});

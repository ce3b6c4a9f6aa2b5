import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { createMd5, type Md5 } from '../../../../server/core/digest/md5.ts';

function expected(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex');
}

function bytesOf(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * seed + (i >>> 7)) & 0xff);
}

describe('MD5 of bodies', () => {
  const open: Md5[] = [];
  const begin = (size?: number): Md5 => {
    const md5 = createMd5(size);
    open.push(md5);
    return md5;
  };
  afterEach(() => {
    for (const md5 of open.splice(0)) md5.drop();
  });

  it('is that of OpenSSL around every block boundary, alone and in lanes', () => {
    // The third long body and later ones are computed in lanes.
    for (let i = 0; i < 2; i++) begin();
    for (const length of [0, 1, 55, 56, 57, 63, 64, 65, 119, 120, 127, 128, 129, 70_000]) {
      const bytes = bytesOf(length, 31);
      for (const size of [length, undefined]) {
        const md5 = begin(size);
        md5.update(bytes);
        expect(Buffer.from(md5.digest()).toString('hex')).toBe(expected(bytes));
      }
    }
  });

  it('keeps apart any number of streams, cut in any way, of which some give up', () => {
    const stream = fc.record({
      seed: fc.nat(250),
      pieces: fc.array(fc.integer({ min: 0, max: 150_000 }), { maxLength: 6 }),
      givesUp: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(stream, { minLength: 3, maxLength: 8 }), (streams) => {
        const running = streams.map(({ pieces, seed, givesUp }) => {
          const total = pieces.reduce((sum, piece) => sum + piece, 0);
          return { md5: createMd5(undefined), pieces, givesUp, bytes: bytesOf(total, seed), at: 0 };
        });
        for (let turn = 0; turn < 6; turn++) {
          for (const one of running) {
            if (one.givesUp && turn > 3) continue;
            const length = one.pieces[turn] ?? 0;
            one.md5.update(one.bytes.subarray(one.at, one.at + length));
            one.at += length;
            if (one.givesUp && turn === 3) one.md5.drop();
          }
        }
        for (const { md5, bytes, givesUp } of running) {
          if (givesUp) continue;
          expect(Buffer.from(md5.digest()).toString('hex')).toBe(expected(bytes));
          md5.drop();
        }
      }),
      { numRuns: 15 },
    );
  });

  it('takes long streams', () => {
    for (let i = 0; i < 2; i++) begin();
    const bytes = bytesOf(3_000_001, 7);
    const streams = Array.from({ length: 5 }, () => begin(bytes.length));
    for (let at = 0; at < bytes.length; at += 65_536) {
      for (const md5 of streams) md5.update(bytes.subarray(at, at + 65_536));
    }
    for (const md5 of streams)
      expect(Buffer.from(md5.digest()).toString('hex')).toBe(expected(bytes));
  });
});

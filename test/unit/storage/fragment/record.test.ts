import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StoreError } from '../../../../base/errors.ts';
import { fragmentIndex, KiB, MiB } from '../../../../base/units.ts';
import { digestSubBlocks, xxh64 } from '../../../../storage/fragment/digest.ts';
import type { FragmentHeader } from '../../../../storage/fragment/fragment.ts';
import {
  decodeHeader,
  encodeHeader,
  pageBytes,
  placeHeader,
  recordBytes,
  verifySubBlocks,
} from '../../../../storage/fragment/record.ts';
import { bytesOf, deviceUuid, fragment } from '../device/device-fixture.ts';

const place = { deviceUuid, volume: 0x0102_0304, page: 0x0a0b_0c0d };

function encode(header: FragmentHeader, unit: Uint8Array): Uint8Array {
  const page = encodeHeader(header, digestSubBlocks(unit));
  placeHeader(page, place);
  return page;
}

const hexId = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((bytes) => Buffer.from(bytes).toString('hex'));

const anyHeader = fc
  .record({
    objectId: hexId,
    containerId: hexId,
    stripe: fc.nat(0xffff_ffff),
    k: fc.integer({ min: 1, max: 16 }),
    m: fc.integer({ min: 0, max: 6 }),
    unitLength: fc.integer({ min: 1, max: 16 * MiB }),
    key: fc.string({ unit: 'binary', maxLength: 256 }),
    createdAt: fc.maxSafeNat(),
    part: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  .map(({ part, ...rest }) => ({
    ...rest,
    index: fragmentIndex(Math.floor(part * (rest.k + rest.m - 1))),
    stripeLength: Math.min(0xffff_ffff, Math.floor(part * rest.k * rest.unitLength)),
  }));

describe('a fragment record', () => {
  it('has the bytes of docs/format/fragment.md', () => {
    const header: FragmentHeader = {
      objectId: '000102030405060708090a0b0c0d0e0f',
      stripe: 7,
      index: fragmentIndex(5),
      k: 4,
      m: 2,
      stripeLength: 600_000,
      unitLength: 150_000,
      containerId: 'f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff',
      key: 'photos/über/été 🎈.jpg',
      createdAt: 1_764_000_000_123,
    };
    const unit = Uint8Array.from(
      { length: header.unitLength },
      (_, i) => (i * 7 + (i >> 8)) & 0xff,
    );
    const page = encode(header, unit);
    const golden = readFileSync(new URL('../../../golden/fragment/header-v1.bin', import.meta.url));
    expect(Buffer.from(page).toString('hex')).toBe(golden.toString('hex'));
    const decoded = decodeHeader(golden);
    expect(decoded).toEqual({ header, place, digests: digestSubBlocks(unit) });
    verifySubBlocks(decoded.digests, 0, unit);
  });

  it('names the locally repairable code by scheme 2 with matrix 2', () => {
    const { header, unit } = fragment(2, 1000);
    const local: FragmentHeader = { ...header, k: 8, m: 4, code: 'lrc', stripeLength: 8000 };
    const page = encode(local, unit);
    expect([...page.subarray(32, 38)]).toEqual([header.index, 8, 4, 2, 2, 0]);
    expect(decodeHeader(page).header).toEqual(local);
    expect([...encode({ ...header, k: 8, m: 4 }, unit).subarray(35, 37)]).toEqual([1, 1]);
    page[36] = 1;
    placeHeader(page, place);
    expect(() => decodeHeader(page)).toThrow(/scheme/);
    for (const shape of [{ k: 7 }, { k: 2 }, { m: 3 }]) {
      expect(() => encode({ ...local, ...shape }, unit)).toThrow(/k \+ 2 \+ 2/);
    }
  });

  it('uses the published xxh64', () => {
    expect(xxh64(Buffer.from(''))).toBe(0xef46db3751d8e999n);
    expect(xxh64(Buffer.from('abc'))).toBe(0x44bc2cf5ad770999n);
  });

  it('decodes what it encoded', () => {
    fc.assert(
      fc.property(anyHeader, (header) => {
        fc.pre(Buffer.byteLength(header.key) <= 1024);
        const digests = new BigUint64Array(Math.ceil(header.unitLength / (64 * KiB))).map(
          (_, i) => BigInt(i) * 0x9e37_79b9_7f4an,
        );
        const page = encodeHeader(header, digests);
        placeHeader(page, place);
        expect(page).toHaveLength(pageBytes);
        // Lone surrogates cannot stand in UTF-8; no client can send them.
        const key = Buffer.from(header.key).toString();
        expect(decodeHeader(page)).toEqual({ header: { ...header, key }, place, digests });
      }),
      { numRuns: 200 },
    );
  });

  it('notices every flipped bit of the header', () => {
    const { header, unit } = fragment(3, 100_000);
    const page = encode(header, unit);
    for (let byte = 0; byte < pageBytes; byte++) {
      page[byte] = (page[byte] ?? 0) ^ (1 << (byte & 7));
      expect(() => decodeHeader(page), `byte ${byte}`).toThrow(StoreError);
      page[byte] = (page[byte] ?? 0) ^ (1 << (byte & 7));
    }
    decodeHeader(page);
  });

  it('throws nothing but StoreError corrupt on any bytes', () => {
    const { header, unit } = fragment(4, 70_000);
    const valid = encode(header, unit);
    const change = fc.tuple(fc.nat(pageBytes - 1), fc.nat(255));
    const mutated = fc.array(change, { minLength: 1, maxLength: 8 }).map((changes) => {
      const page = Uint8Array.from(valid);
      for (const [at, value] of changes) page[at] = value;
      // With the CRC made right again the other checks must hold the line.
      placeHeader(page, place);
      return page;
    });
    const bytes = fc.oneof(fc.uint8Array({ maxLength: 5000 }), mutated);
    fc.assert(
      fc.property(bytes, (page) => {
        try {
          const decoded = decodeHeader(page);
          const length = Math.ceil(decoded.header.unitLength / (64 * KiB));
          expect(decoded.digests).toHaveLength(length);
        } catch (error) {
          expect(error).toMatchObject({ name: 'StoreError', kind: 'corrupt' });
        }
      }),
      { numRuns: 500 },
    );
  });

  it('refuses what the format cannot hold', () => {
    const { header, unit } = fragment(1, 100);
    const digests = digestSubBlocks(unit);
    const bad: Partial<FragmentHeader>[] = [
      { objectId: 'short' },
      { containerId: 'G'.repeat(32) },
      { key: 'x'.repeat(1025) },
      { key: 'é'.repeat(513) },
      { k: 0 },
      { k: 17 },
      { m: 7 },
      { index: fragmentIndex(6) },
      { unitLength: 0 },
      { unitLength: 16 * MiB + 1 },
      { unitLength: 70_000 },
      { stripeLength: 401 },
      { stripe: 2 ** 32 },
      { createdAt: -1 },
      { createdAt: 1.5 },
    ];
    for (const change of bad) {
      expect(() => encodeHeader({ ...header, ...change }, digests)).toThrow(StoreError);
    }
    encodeHeader({ ...header, key: 'é'.repeat(512) }, digests);
  });

  it('finds the one sub-block that differs', () => {
    const unit = bytesOf(1, 200_000);
    const digests = digestSubBlocks(unit);
    unit[140_000] = (unit[140_000] ?? 0) ^ 1;
    verifySubBlocks(digests, 0, unit.subarray(0, 131_072));
    verifySubBlocks(digests, 3, unit.subarray(196_608));
    expect(() => verifySubBlocks(digests, 1, unit.subarray(65_536, 196_608))).toThrow(/sub-block/);
    expect(() => verifySubBlocks(digests, 4, new Uint8Array(1))).toThrow(StoreError);
  });

  it('takes whole pages', () => {
    expect([1, 4096, 4097, 256 * KiB].map(recordBytes)).toEqual([8192, 8192, 12_288, 260 * KiB]);
  });
});

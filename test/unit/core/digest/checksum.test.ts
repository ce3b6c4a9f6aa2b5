import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { foldOffsets, foldWindow } from '../../../../server/core/digest/crc64-fold.ts';
import { createDigester, digestOf } from '../../../../server/core/digest/checksum.ts';
import { combineCrcs, isCrc } from '../../../../server/core/digest/crc-combine.ts';
import { type ChecksumAlgorithm, checksumAlgorithms } from '../../../../server/core/model.ts';

const hex = (algorithm: ChecksumAlgorithm, text: string): string =>
  Buffer.from(digestOf(algorithm, Buffer.from(text))).toString('hex');

// The check values of the catalogue of parametrised CRC algorithms, and those of FIPS 180-4 and RFC 1321 of "abc".
const known: readonly (readonly [ChecksumAlgorithm, string, string])[] = [
  ['crc32', '123456789', 'cbf43926'],
  ['crc32c', '123456789', 'e3069283'],
  ['crc64nvme', '123456789', 'ae8b14860a799888'],
  ['crc32', '', '00000000'],
  ['crc32c', '', '00000000'],
  ['crc64nvme', '', '0000000000000000'],
  ['sha1', 'abc', 'a9993e364706816aba3e25717850c26c9cd0d89d'],
  ['sha256', 'abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
  [
    'sha512',
    'abc',
    'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
  ],
  ['md5', 'abc', '900150983cd24fb0d6963f7d28e17f72'],
  // From xxHash's own specification and its reference program.
  ['xxhash64', '', 'ef46db3751d8e999'],
  ['xxhash64', 'abc', '44bc2cf5ad770999'],
  ['xxhash3', '', '2d06800538d394c2'],
  ['xxhash3', 'abc', '78af5f94892f3950'],
  ['xxhash128', '', '99aa06d3014798d86001c324468d497f'],
  ['xxhash128', 'abc', '06b05ab6733a618578af5f94892f3950'],
];

test.each(known)('%s of "%s"', (algorithm, text, expected) => {
  expect(hex(algorithm, text)).toBe(expected);
});

test('CRC64NVME of "hello world" is what S3 answers', () => {
  const digest = digestOf('crc64nvme', Buffer.from('hello world'));
  expect(Buffer.from(digest).toString('base64')).toBe('jSnVw/bqjr4=');
});

/** One bit at a time, as the standard says it. */
function slowCrc64(bytes: Uint8Array): bigint {
  let crc = 0xffff_ffff_ffff_ffffn;
  for (const byte of bytes) {
    crc ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) {
      crc = (crc & 1n) === 1n ? (crc >> 1n) ^ 0x9a6c_9329_ac4b_c9b5n : crc >> 1n;
    }
  }
  return crc ^ 0xffff_ffff_ffff_ffffn;
}

test('the polynomial divides what the fold stands on', () => {
  // x^(8n) as a register: eight shifts a byte from x^0, the top bit.
  const power = (bytes: number): bigint => {
    let value = 1n << 63n;
    for (let bit = 0; bit < bytes * 8; bit++) {
      value = (value & 1n) === 1n ? (value >> 1n) ^ 0x9a6c_9329_ac4b_c9b5n : value >> 1n;
    }
    return value;
  };
  const sum = foldOffsets.reduce((all, offset) => all ^ power(foldWindow - offset), 0n);
  expect(sum).toBe(power(foldWindow));
});

test('CRC64NVME of long bodies does not depend on how they come in pieces', () => {
  const size = 300_000;
  const bytes = new Uint8Array(size).map((_, at) => (at * 2_654_435_761) >>> 11);
  const cut = (lengths: readonly number[]): Uint8Array => {
    const digester = createDigester('crc64nvme');
    let at = 0;
    for (let n = 0; at < size; n++) {
      const length = lengths[n % lengths.length] ?? size;
      digester.update(bytes.subarray(at, at + length));
      at += length;
    }
    return digester.digest();
  };
  // Below the fold's threshold all goes through tables.
  const byTables = cut([4000]);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 150_000 }), { minLength: 1 }), (lengths) => {
      expect(cut(lengths)).toEqual(byTables);
    }),
    { numRuns: 60 },
  );
  for (const length of [8192, 8193, 65_536, 65_537, 131_072, size]) {
    expect(cut([length])).toEqual(byTables);
  }
});

test('CRC64NVMEs that are under way at once do not mix', () => {
  const body = (seed: number): Uint8Array =>
    new Uint8Array(100_000).map((_, at) => ((at + seed) * 2_654_435_761) >>> 9);
  const digesters = [1, 2, 3].map((seed) => ({ digester: createDigester('crc64nvme'), seed }));
  for (let at = 0; at < 100_000; at += 20_000) {
    for (const { digester, seed } of digesters) {
      digester.update(body(seed).subarray(at, at + 20_000));
    }
  }
  for (const { digester, seed } of digesters) {
    expect(digester.digest()).toEqual(digestOf('crc64nvme', body(seed)));
  }
});

test('CRC64NVME equals the slow one at every length and alignment', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(7), (bytes, shift) => {
      const memory = new Uint8Array(bytes.length + 8);
      memory.set(bytes, shift);
      const view = memory.subarray(shift, shift + bytes.length);
      const digest = Buffer.from(digestOf('crc64nvme', view)).toString('hex');
      expect(digest).toBe(slowCrc64(bytes).toString(16).padStart(16, '0'));
    }),
  );
});

describe.each(checksumAlgorithms)('%s', (algorithm) => {
  test('does not depend on how the bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), (chunks) => {
        const digester = createDigester(algorithm);
        for (const chunk of chunks) digester.update(chunk);
        expect(Buffer.from(digester.digest())).toEqual(
          Buffer.from(digestOf(algorithm, Buffer.concat(chunks))),
        );
      }),
    );
  });
});

describe.each(checksumAlgorithms.filter(isCrc))('%s of parts', (algorithm) => {
  test('combines into that of the whole', () => {
    const part = fc.uint8Array({ maxLength: 300 });
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 6 }), (parts) => {
        const pieces = parts.map((bytes) => ({
          digest: digestOf(algorithm, bytes),
          size: bytes.length,
        }));
        const whole = digestOf(algorithm, Buffer.concat(parts));
        expect(Buffer.from(combineCrcs(algorithm, pieces))).toEqual(Buffer.from(whole));
      }),
    );
  });

  test('combines 10,000 parts in a moment', () => {
    const digest = digestOf(algorithm, Buffer.alloc(1000, 7));
    const pieces = Array.from({ length: 10_000 }, () => ({ digest, size: 1000 }));
    const whole = createDigester(algorithm);
    const part = Buffer.alloc(1000, 7);
    for (let i = 0; i < 10_000; i++) whole.update(part);
    const { user } = process.cpuUsage();
    expect(Buffer.from(combineCrcs(algorithm, pieces))).toEqual(Buffer.from(whole.digest()));
    expect((process.cpuUsage().user - user) / 1000).toBeLessThan(4000);
  });
});

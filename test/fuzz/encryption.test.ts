/** Decoders of encrypted bodies, wrapped keys, key files and headers: what nobody sealed opens nowhere, and only StoreErrors leave. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createDurably } from '../../base/disk.ts';
import { isStoreError } from '../../base/errors.ts';
import { silentLogger } from '../../base/log.ts';
import {
  framePlainBytes,
  openBody,
  sealBody,
  sealedSize,
} from '../../server/core/encryption/sealed-body.ts';
import { keyOf, unwrapKey, wrapKey } from '../../server/core/encryption/wrapped-key.ts';
import { AuditLog } from '../../server/keys/audit-log.ts';
import { encodeKeyFile } from '../../server/keys/key-file.ts';
import { FileKeyRing, keyRingPath } from '../../server/keys/key-ring.ts';
import { LocalKeyService } from '../../server/keys/local-key-service.ts';
import { ManualClock, seededRandom } from '../memory/ports.ts';
import { SimDisk } from '../sim/disk.ts';
import { collect } from '../unit/core/fixture.ts';
import { createHarness } from '../unit/s3/harness.ts';

const key = keyOf(Buffer.alloc(32, 1));

async function outcome(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'fine';
  } catch (error) {
    return isStoreError(error) ? error.kind : 'foreign';
  }
}

function open(stored: Uint8Array, plainSize: number, cut: number): Promise<Uint8Array> {
  const read = function* (from: number, to: number): Generator<Uint8Array> {
    for (let at = from; at < to; at += cut) yield stored.slice(at, Math.min(to, at + cut));
  };
  return collect(openBody(key, { plainSize, start: 0, end: plainSize, read }));
}

const cut = fc.integer({ min: 1, max: 100_000 });

describe('a sealed body', () => {
  test('of any bytes is corrupt, whatever size its row says', async () => {
    const bytes = fc.uint8Array({ maxLength: 300, size: 'max' });
    const size = fc.oneof(fc.integer({ min: 1, max: 400 }), fc.constant(framePlainBytes + 1));
    await fc.assert(
      fc.asyncProperty(bytes, size, cut, async (stored, plainSize, pieces) => {
        expect(await outcome(open(stored, plainSize, pieces))).toBe('corrupt');
      }),
      { numRuns: 500 },
    );
  });

  test('that is cut, spliced or lengthened anywhere is corrupt', async () => {
    const plain = Buffer.alloc(2 * framePlainBytes + 77, 'x');
    const sealed = await collect(sealBody(key, [plain]));
    const place = fc.oneof(
      fc.nat(sealed.length),
      fc.constantFrom(0, 16, 65_520, 65_536, 131_072, sealed.length - 16),
    );
    await fc.assert(
      fc.asyncProperty(place, place, place, cut, async (from, to, into, pieces) => {
        const piece = sealed.subarray(Math.min(from, to), Math.max(from, to));
        const spliced = Buffer.concat([
          sealed.subarray(0, into),
          piece,
          sealed.subarray(into + piece.length),
        ]).subarray(0, sealed.length);
        const same = spliced.equals(sealed);
        expect(await outcome(open(spliced, plain.length, pieces))).toBe(same ? 'fine' : 'corrupt');
        // The row says that it is as long as what is left.
        const shorter = Math.min(plain.length - 1, Math.max(1, into));
        const stored = sealed.subarray(0, sealedSize(shorter));
        expect(await outcome(open(stored, shorter, pieces))).toBe('corrupt');
      }),
      { numRuns: 60 },
    );
  });
});

test('a wrapped key of any bytes opens nothing', () => {
  const binding = Buffer.from('here');
  const whole = wrapKey(key, Buffer.alloc(32, 2), { binding, random: seededRandom('fuzz') });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(80), (bytes, at) => {
      expect(unwrapKey(key, bytes, binding)).toBeUndefined();
      const spliced = Uint8Array.from(whole);
      spliced.set(bytes.subarray(0, 81 - at), at);
      const same = Buffer.from(spliced).equals(whole);
      expect(unwrapKey(key, spliced, binding) !== undefined).toBe(same);
    }),
  );
});

describe('a key file', () => {
  const fields = fc.record(
    {
      format: fc.constantFrom(1, 2, '1', null),
      id: fc.constantFrom('one', '../x', '0'.repeat(32), 5),
      active: fc.constantFrom('0'.repeat(16), 'x', null),
      keys: fc.oneof(
        fc.constant([{ id: '0'.repeat(16), createdAt: 1, secret: 'A' }]),
        fc.array(fc.jsonValue(), { maxLength: 2 }),
      ),
      versions: fc.array(fc.jsonValue(), { maxLength: 2 }),
    },
    { requiredKeys: [] },
  );

  test('of any JSON, with a right check or none, is refused or lost', async () => {
    const text = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fields.map((one) => encodeKeyFile(one)),
      fc.json().map((json) => Buffer.from(json)),
    );
    await fc.assert(
      fc.asyncProperty(text, async (bytes) => {
        const disk = new SimDisk();
        await disk.makeDirectory('keys/kms');
        await createDurably(disk, keyRingPath, bytes);
        await createDurably(disk, 'keys/kms/one.json', bytes);
        const random = seededRandom('fuzz');
        const parts = { disk, random, clock: new ManualClock(), logger: silentLogger };
        expect(await outcome(FileKeyRing.open(parts))).toBe('corrupt');
        const audit = new AuditLog(disk);
        const service = await LocalKeyService.open({ ...parts, audit, region: 'r' });
        expect(service.list()).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });
});

test('headers of encryption never make the door fail', async () => {
  const prefix = 'x-amz-server-side-encryption';
  const names = ['', '-aws-kms-key-id', '-context', '-bucket-key-enabled'];
  const customer = ['-customer-algorithm', '-customer-key', '-customer-key-md5'];
  const value = fc.oneof(
    fc.constantFrom('AES256', 'aws:kms', 'key-1', 'true', '', 'e30=', '9v/kJSBc1LCTYzB8YMfAyg=='),
    fc.string({ unit: 'grapheme-ascii', maxLength: 60 }).map((text) => text.trim()),
  );
  const secret = fc.oneof(fc.constantFrom(32, 31, 0), fc.nat(60)).map((length) => {
    return Buffer.alloc(length, 'secret').toString('base64');
  });
  const named = (name: string): fc.Arbitrary<[string, string]> =>
    (name.endsWith('-customer-key') ? secret : value).map((text) => [name, text]);
  const all = [
    ...[...names, ...customer].map((name) => prefix + name),
    ...customer.map((name) => `x-amz-copy-source-server-side-encryption${name}`),
  ];
  const headers = fc
    .array(fc.constantFrom(...all).chain(named), { maxLength: 4 })
    .map((pairs): Record<string, string> => Object.fromEntries(pairs));
  const harness = createHarness();
  await harness.ask('PUT', '/bucket');
  await harness.ask('PUT', '/bucket/from', { body: 'abc' });
  await fc.assert(
    fc.asyncProperty(headers, async (given) => {
      const copied = { ...given, 'x-amz-copy-source': '/bucket/from' };
      const asks = [
        harness.ask('PUT', '/bucket/k', { body: 'abc', headers: given }),
        harness.ask('PUT', '/bucket/k', { headers: copied }),
        harness.ask('GET', '/bucket/from', { headers: given }),
        harness.ask('POST', '/bucket/k', { query: { uploads: '' }, headers: given }),
      ];
      for (const answer of await Promise.all(asks)) {
        expect([200, 400, 501]).toContain(answer.status);
        expect(answer.text).not.toContain(Buffer.from('secretsecret').toString('base64'));
      }
    }),
    { numRuns: 300 },
  );
});

import { hash, randomBytes } from 'node:crypto';
import { afterAll, describe, expect, it } from 'vitest';
import { KiB, MiB } from '../../../base/units.ts';
import { type BodyDigests, localHasher } from '../../../server/core/digest/hasher.ts';
import { type ChecksumAlgorithm, checksumAlgorithms } from '../../../server/core/model.ts';
import { streamsPerThread } from '../../../server/hashing/protocol.ts';
import { ThreadedHasher } from '../../../server/hashing/threaded-hasher.ts';

const hasher = new ThreadedHasher(1);
afterAll(() => hasher.close());

async function feed(
  digests: Pick<BodyDigests, 'update'>,
  bytes: Uint8Array,
  piece: number,
): Promise<void> {
  for (let at = 0; at < bytes.length; at += piece) {
    const chunk = Uint8Array.from(bytes.subarray(at, at + piece));
    const room = digests.update(chunk);
    if (room !== undefined) await room;
  }
}

async function hexOf(
  digests: BodyDigests,
  bytes: Uint8Array,
  piece: number,
): Promise<Record<string, string>> {
  try {
    await feed(digests, bytes, piece);
    const found = await digests.finish();
    return Object.fromEntries(
      [...found].map(([name, raw]) => [name, Buffer.from(raw).toString('hex')]),
    );
  } finally {
    digests.drop();
  }
}

async function expected(
  algorithms: readonly ChecksumAlgorithm[],
  bytes: Uint8Array,
): Promise<Record<string, string>> {
  return hexOf(localHasher.start(algorithms, bytes.length), bytes, bytes.length || 1);
}

describe('a hasher with threads', () => {
  it('finds every digest, whatever the sizes of body and pieces', async () => {
    for (const size of [0, 1, 256 * KiB, 256 * KiB + 1, 3 * MiB - 1, 5 * MiB]) {
      const bytes = randomBytes(size);
      for (const piece of [65_536, 99_991, MiB]) {
        const found = await hexOf(hasher.start(checksumAlgorithms, undefined), bytes, piece);
        expect(found).toEqual(await expected(checksumAlgorithms, bytes));
      }
    }
  });

  it('hashes more bodies side by side than its threads take, each for itself', async () => {
    const bodies = Array.from({ length: streamsPerThread + 9 }, (_, i) =>
      randomBytes(MiB + i * 1000),
    );
    const found = await Promise.all(
      bodies.map((bytes) => hexOf(hasher.start(['md5', 'sha256'], bytes.length), bytes, 65_536)),
    );
    for (const [i, bytes] of bodies.entries()) {
      expect(found[i]).toEqual(await expected(['md5', 'sha256'], bytes));
    }
  });

  it('makes a body wait that is faster than its thread', async () => {
    const digests = hasher.start(['md5', 'sha512'], 64 * MiB);
    const piece = new Uint8Array(MiB);
    let waits = 0;
    for (let i = 0; i < 64; i++) {
      const room = digests.update(piece);
      if (room === undefined) continue;
      waits++;
      await room;
    }
    expect(waits).toBeGreaterThan(0);
    await digests.finish();
    digests.drop();
    await expect.poll(() => hasher.streams).toBe(0);
  });

  it('forgets bodies that are given up, and all their memory comes back', async () => {
    for (let round = 0; round < 4; round++) {
      const given = Array.from({ length: streamsPerThread }, () => hasher.start(['md5'], 4 * MiB));
      await Promise.all(given.map((digests) => feed(digests, randomBytes(MiB), 70_000)));
      expect(hasher.streams).toBe(streamsPerThread);
      for (const digests of given) digests.drop();
      await expect.poll(() => hasher.streams).toBe(0);
    }
    const bytes = randomBytes(8 * MiB);
    const found = await hexOf(hasher.start(['md5'], bytes.length), bytes, 65_536);
    expect(found).toEqual(await expected(['md5'], bytes));
  });

  it('finds the SHA-256 of pieces of any length, in order', async () => {
    const sizes = [65_536, 1, 256 * KiB, 100_000, 65_536, 131_072, 8192, 256 * KiB - 1];
    const pieces = Array.from({ length: 60 }, (_, i) => randomBytes(sizes[i % sizes.length] ?? 1));
    const digests = hasher.startPieces(undefined);
    const found: Promise<Uint8Array>[] = [];
    for (const piece of pieces) {
      await feed(digests, piece, 50_000);
      found.push(digests.cut());
    }
    digests.flush();
    const expectedPieces = pieces.map((piece) => hash('sha256', piece, 'hex'));
    const hex = (await Promise.all(found)).map((one) => Buffer.from(one).toString('hex'));
    expect(hex).toEqual(expectedPieces);
    digests.drop();
    await expect.poll(() => hasher.streams).toBe(0);
  });
});

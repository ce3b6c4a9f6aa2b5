import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { concatBytes } from '../../../base/bytes.ts';
import { ReceivedMemory, receivedMemory } from '../../../base/memory/received-memory.ts';
import { KiB } from '../../../base/units.ts';
import { localHasher } from '../../../server/core/digest/hasher.ts';
import { stripesOf } from '../../../server/proxy/write.ts';
import { AwsChunkedDecoder, decodeAwsChunked } from '../../../server/s3/payload/aws-chunked.ts';

const chunkOf = (length: number): Uint8Array => new Uint8Array(length).fill(7);

describe('received memory', () => {
  it('goes with the last of its bytes', () => {
    const memory = new ReceivedMemory();
    const chunk = chunkOf(64 * KiB);
    memory.follow(chunk);
    memory.giveUp(chunk.subarray(0, 40_000));
    expect(chunk.length).toBe(64 * KiB);
    memory.giveUp(chunk.subarray(40_000));
    expect(chunk.length).toBe(0);
  });

  it('stays where somebody keeps a view of it, and where it was never followed', () => {
    const memory = new ReceivedMemory();
    const kept = chunkOf(64 * KiB);
    memory.follow(kept);
    memory.keep(kept);
    const part = chunkOf(64 * KiB).subarray(0, 32 * KiB);
    memory.follow(part);
    const small = chunkOf(100);
    memory.follow(small);
    for (const bytes of [kept, part, small]) {
      memory.giveUp(bytes);
      expect(bytes.length).toBeGreaterThan(0);
    }
  });
});

async function* asIfReceived(
  bytes: Uint8Array,
  sizes: readonly number[],
): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (let turn = 0; at < bytes.length; turn++) {
    const end = at + (sizes[turn % sizes.length] ?? 1);
    const chunk = Uint8Array.from(bytes.subarray(at, end));
    receivedMemory.follow(chunk);
    yield chunk;
    at = end;
  }
}

/** As the writer does it: copies a stripe, then gives its pieces up. */
async function gather(chunks: AsyncIterable<Uint8Array>, stripe: number): Promise<Uint8Array> {
  const copies: Uint8Array[] = [];
  for await (const { pieces, length } of stripesOf(chunks, stripe)) {
    copies.push(Uint8Array.from(concatBytes(pieces)));
    expect(copies.at(-1)?.length).toBe(length);
    for (const piece of pieces) receivedMemory.giveUp(piece);
  }
  return concatBytes(copies);
}

const shapes: readonly (readonly number[])[] = [[65_536], [64 * KiB, 20_000], [100_000, 1, 33_333]];

describe('a body whose memory is given up on its way', () => {
  const bytes = randomBytes(1_000_000);

  it('comes out whole, in stripes that end with a chunk or within one', async () => {
    for (const sizes of shapes) {
      for (const stripe of [65_536, 131_072, 77_777]) {
        const found = await gather(asIfReceived(bytes, sizes), stripe);
        expect(Buffer.compare(found, bytes)).toBe(0);
      }
    }
  });

  it('comes out whole of its framing', async () => {
    const frames: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += 70_000) {
      const data = bytes.subarray(at, at + 70_000);
      frames.push(Buffer.from(`${data.length.toString(16)}\r\n`), data, Buffer.from('\r\n'));
    }
    frames.push(Buffer.from('0\r\n\r\n'));
    const framed = concatBytes(frames);
    for (const sizes of shapes) {
      const none = { seed: undefined, trailerNames: undefined };
      const options = { decodedLength: bytes.length, ...none, hasher: localHasher };
      const decoder = new AwsChunkedDecoder(options);
      const found = await gather(decodeAwsChunked(asIfReceived(framed, sizes), decoder), 65_536);
      expect(Buffer.compare(found, bytes)).toBe(0);
    }
  });
});

/** Bodies that are made as they are sent and judged by their digest, so that no client stores them. */
import { createCipheriv, createHash } from 'node:crypto';

const CHUNK_BYTES = 256 * 1024;
const zeros = Buffer.alloc(CHUNK_BYTES);

/** `size` bytes that differ for every `seed`: a key stream, some gigabytes a second. */
export function* generatedBody(seed: number, size: number): Generator<Buffer> {
  const key = createHash('sha256').update(`torc body ${seed}`).digest().subarray(0, 16);
  const cipher = createCipheriv('aes-128-ctr', key, Buffer.alloc(16));
  for (let left = size; left > 0; left -= CHUNK_BYTES) {
    yield cipher.update(left < CHUNK_BYTES ? zeros.subarray(0, left) : zeros);
  }
}

/** SHA-256 in hex of what `chunks` holds, and its length. */
export async function digestOf(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<{ readonly digest: string; readonly size: number }> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of chunks) {
    hash.update(chunk);
    size += chunk.length;
  }
  return { digest: hash.digest('hex'), size };
}

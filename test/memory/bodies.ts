import { toHex } from '../../base/bytes.ts';
import { StoreError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import type { StoredBody } from '../../server/core/model.ts';
import type { BodyStore, BodyTarget, PolicyInfo } from '../../server/core/ports.ts';

const CHUNK_BYTES = 64 * 1024;

/** Bodies as byte arrays. Counts what was asked of it, so that tests can see leaks. */
export class MemoryBodies implements BodyStore {
  readonly defaultPolicy: string = 'ec:4+2';
  readonly policies: readonly PolicyInfo[] = [
    { name: 'ec:4+2', aliases: ['gold'], isDeprecated: false },
    { name: 'replica:3', aliases: [], isDeprecated: false },
    { name: 'old', aliases: ['older'], isDeprecated: true },
  ];
  /** What is stored now, by object id. */
  readonly stored: Map<string, Uint8Array> = new Map();
  /** Object ids that were given up. */
  readonly discarded: string[] = [];
  /** Fragment indexes that the next writes report as not synced. */
  missing: readonly number[] = [];
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  async write(target: BodyTarget, body: AsyncIterable<Uint8Array>): Promise<StoredBody> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of body) chunks.push(Uint8Array.from(chunk));
    const bytes = Buffer.concat(chunks);
    const objectId = toHex(this.#random.bytes(16));
    this.stored.set(objectId, bytes);
    return {
      objectId,
      policy: target.policy,
      partition: 0,
      size: bytes.length,
      stripeBytes: 1024 * 1024,
      missing: this.missing,
    };
  }

  async *read(stored: StoredBody, start: number, end: number): AsyncIterable<Uint8Array> {
    const bytes = this.stored.get(stored.objectId);
    if (bytes === undefined) {
      throw new StoreError('unavailable', 'bodies.read', 'the body is gone');
    }
    for (let at = start; at < end; at += CHUNK_BYTES) {
      await Promise.resolve();
      yield bytes.slice(at, Math.min(end, at + CHUNK_BYTES));
    }
  }

  discard(stored: StoredBody): void {
    this.stored.delete(stored.objectId);
    this.discarded.push(stored.objectId);
  }
}

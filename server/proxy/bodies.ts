import type { Random } from '../../base/random.ts';
import { toHex } from '../../base/bytes.ts';
import type { StoredBody } from '../core/model.ts';
import type { BodyStore, BodyTarget } from '../core/ports.ts';
import type { Placement } from './placement.ts';
import { readBody, type ReadContext } from './read.ts';
import { writeBody, type WriteContext } from './write.ts';

export interface BodiesOptions {
  readonly placement: Placement;
  readonly defaultPolicy: string;
  readonly random: Random;
  readonly write: WriteContext;
  readonly read: ReadContext;
}

const COMMIT_GRACE_MILLIS = 60_000;

/** core's BodyStore over the cluster's devices. */
export class ClusterBodies implements BodyStore {
  readonly defaultPolicy: string;
  readonly #options: BodiesOptions;
  /** Bodies being written (Infinity), or written but perhaps not committed yet (until that monotonic time): the sweeper must leave their fragments alone. */
  readonly #open = new Map<string, number>();

  constructor(options: BodiesOptions) {
    this.#options = options;
    this.defaultPolicy = options.defaultPolicy;
  }

  get policies(): readonly string[] {
    return this.#options.placement.names;
  }

  hasPolicy(policy: string): boolean {
    return this.#options.placement.has(policy);
  }

  isOpen(objectId: string): boolean {
    return (this.#open.get(objectId) ?? 0) > this.#options.write.clock.monotonic();
  }

  /** The commit follows the last byte within moments; a minute is generous. */
  #close(objectId: string): void {
    const now = this.#options.write.clock.monotonic();
    this.#open.set(objectId, now + COMMIT_GRACE_MILLIS);
    for (const [id, until] of this.#open) {
      if (until > now) break; // insertion order is nearly time order: stop at the first live one
      this.#open.delete(id);
    }
  }

  async write(target: BodyTarget, body: AsyncIterable<Uint8Array>): Promise<StoredBody> {
    const { placement, random, write } = this.#options;
    const policy = placement.policy(target.policy);
    const objectId = toHex(random.bytes(16));
    const partition = placement.partitionFor(policy, target, objectId);
    const homes = placement.homes(policy, partition);
    this.#open.set(objectId, Number.POSITIVE_INFINITY);
    try {
      return await writeBody(write, { target, policy, homes, objectId, partition }, body);
    } finally {
      this.#close(objectId);
    }
  }

  read(stored: StoredBody, start: number, end: number): AsyncIterable<Uint8Array> {
    const { placement, read } = this.#options;
    const policy = placement.policy(stored.policy);
    const homes = placement.homes(policy, stored.partition);
    return readBody(read, { stored, policy, homes }, { start, end });
  }

  discard(stored: StoredBody): void {
    void this.remove(stored).catch(() => undefined);
  }

  /** Deletes a body's fragments from every device that answers; returns whether all did. */
  async remove(stored: StoredBody): Promise<boolean> {
    const { placement } = this.#options;
    const homes = placement.homes(placement.policy(stored.policy), stored.partition);
    const outcomes = await Promise.allSettled(
      homes.map((home) => home.store?.remove(stored.objectId) ?? Promise.reject(new Error('away'))),
    );
    return outcomes.every((outcome) => outcome.status === 'fulfilled');
  }
}

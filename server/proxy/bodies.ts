import type { Random } from '../../base/random.ts';
import { toHex } from '../../base/bytes.ts';
import type { StoredBody } from '../core/model.ts';
import type { BodyStore, BodyTarget, PolicyInfo } from '../core/ports.ts';
import { createStripeMemory, type StripeMemory } from '../../storage/erasure/stripe-memory.ts';
import type { Home, Placement, Policy } from './placement.ts';
import { RingsInUse } from './rings-in-use.ts';
import { readBody, type ReadContext } from './read.ts';
import { writeBody, type WriteContext } from './write.ts';

export interface BodiesOptions {
  readonly placement: Placement;
  /** As the cluster map says now. */
  readonly defaultPolicy: () => string;
  readonly random: Random;
  readonly write: WriteContext;
  readonly read: ReadContext;
}

const COMMIT_GRACE_MILLIS = 60_000;

/**
 * Stripes of one policy in reused memory at one time, over all uploads: two each for 16 uploads, one each for 64.
 * 4+2: 64 x 1.5 MiB = 96 MiB, touched as far as uploads run in parallel, and then kept.
 */
const REUSED_STRIPES = 64;

/** core's BodyStore over the cluster's devices. */
export class ClusterBodies implements BodyStore {
  readonly #options: BodiesOptions;
  readonly rings: RingsInUse;
  /** Bodies being written (Infinity), or written but perhaps not committed yet (until that monotonic time): the sweeper must leave their fragments alone. */
  readonly #open = new Map<string, number>();
  readonly #memories = new Map<string, Promise<StripeMemory>>();

  constructor(options: BodiesOptions) {
    this.#options = options;
    this.rings = new RingsInUse(options.write.clock);
  }

  get defaultPolicy(): string {
    return this.#options.defaultPolicy();
  }

  get policies(): readonly PolicyInfo[] {
    return this.#options.placement.all();
  }

  /** Grows while bodies are read or written. */
  get activity(): number {
    const { read, write } = this.#options;
    return read.inFlight.activity + write.inFlight.activity;
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
    const end = this.rings.begin(policy.name, policy.ring.version);
    try {
      const memory = await this.#memory(policy);
      return await writeBody(write, { target, policy, homes, objectId, partition, memory }, body);
    } finally {
      end();
      this.#close(objectId);
    }
  }

  #memory({ name, scheme }: Policy): Promise<StripeMemory> {
    let memory = this.#memories.get(name);
    if (memory === undefined) {
      const { stripeBytes } = this.#options.write.settings;
      memory = createStripeMemory(scheme, { stripeBytes, most: REUSED_STRIPES });
      this.#memories.set(name, memory);
    }
    return memory;
  }

  read(stored: StoredBody, start: number, end: number): AsyncIterable<Uint8Array> {
    const { placement, read } = this.#options;
    const policy = placement.policy(stored.policy);
    const homes = (): readonly Home[] => placement.homesOf(stored);
    const search = placement.search.bind(placement);
    return readBody(read, { stored, policy, homes, search }, { start, end });
  }

  discard(stored: StoredBody): void {
    void this.remove(stored).catch(() => undefined);
  }

  /** Deletes a body's fragments from every device that answers; returns whether all did. */
  async remove(stored: StoredBody): Promise<boolean> {
    const places = this.#options.placement.placesOf(stored);
    const outcomes = await Promise.allSettled(
      places.map(
        ({ store }) => store?.remove(stored.objectId) ?? Promise.reject(new Error('away')),
      ),
    );
    return outcomes.every((outcome) => outcome.status === 'fulfilled');
  }
}

import { invariant } from '../../base/invariant.ts';
import { type Kernel, sharedKernel } from './kernel/kernel.ts';
import { splitStripe, unitLength } from './stripe.ts';
import type { Shape } from './units.ts';

/** The units of one stripe: views that die at `release`. */
export interface StripeUnits {
  readonly data: readonly Uint8Array[];
  /** Not zeroed: for `Codec.encodeInto`. */
  readonly parity: readonly Uint8Array[];
}

/**
 * Room for one stripe and its parity. Its views are never posted to another thread: cloning one
 * would clone the kernel's whole memory.
 */
export interface StripeBuffer {
  /** Where the data goes, from the start; as long as a full stripe. Holds anything at first. */
  readonly bytes: Uint8Array;
  /** The units of a stripe that fills the first `length` bytes; padding is zeroed. */
  cut(length: number): StripeUnits;
  /** Gives the room back, once; nobody may touch its views from here on. */
  release(): void;
}

/** A bounded pool of stripe buffers. */
export interface StripeMemory {
  /** undefined when all are lent: the caller waits for a release, which is its back-pressure. */
  lease(): StripeBuffer | undefined;
}

export interface StripeMemoryLimits {
  readonly stripeBytes: number;
  /** Buffers lent at one time. */
  readonly most: number;
}

/**
 * Memory in which `Codec.encodeInto` copies nothing, because it is the kernel's own, as far as
 * that reaches; buffers beyond it, and all of them on an engine without SIMD, are plain memory.
 */
export async function createStripeMemory(
  shape: Shape,
  limits: StripeMemoryLimits,
): Promise<StripeMemory> {
  return new Pool(shape, limits, await sharedKernel());
}

class Pool implements StripeMemory {
  readonly #shape: Shape;
  readonly #limits: StripeMemoryLimits;
  readonly #kernel: Kernel | undefined;
  readonly #free: Uint8Array[] = [];
  #made = 0;

  constructor(shape: Shape, limits: StripeMemoryLimits, kernel: Kernel | undefined) {
    this.#shape = shape;
    this.#limits = limits;
    this.#kernel = kernel;
  }

  lease(): StripeBuffer | undefined {
    // The last one given back is the likeliest to be in a cache still.
    const room = this.#free.pop() ?? this.#make();
    return room === undefined ? undefined : this.#buffer(room);
  }

  #make(): Uint8Array | undefined {
    if (this.#made === this.#limits.most) return undefined;
    this.#made++;
    const { k, m } = this.#shape;
    const size = (k + m) * unitLength(this.#limits.stripeBytes, k);
    return this.#kernel?.lend(size) ?? new Uint8Array(size);
  }

  #buffer(room: Uint8Array): StripeBuffer {
    const { k, m } = this.#shape;
    const { stripeBytes } = this.#limits;
    let lent = true;
    return {
      bytes: room.subarray(0, stripeBytes),
      cut(length) {
        invariant(lent && length <= stripeBytes, 'a stripe is cut while its buffer is lent');
        const unit = unitLength(length, k);
        // What an earlier stripe left behind must not reach a device as padding.
        const whole = room.subarray(0, k * unit).fill(0, length);
        const parity = Array.from({ length: m }, (_, row) => {
          return room.subarray((k + row) * unit, (k + row + 1) * unit);
        });
        return { data: splitStripe(whole, k), parity };
      },
      release: () => {
        invariant(lent, 'a stripe buffer is released once');
        lent = false;
        this.#free.push(room);
      },
    };
  }
}

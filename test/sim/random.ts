import type { Random } from '../../base/random.ts';

/** xoshiro128** (Blackman and Vigna): small, fast, and the same everywhere. */
export class SeededRandom implements Random {
  readonly #state: Uint32Array;

  constructor(seed: number) {
    // splitmix32 spreads a small seed over the state.
    let mixed = seed >>> 0;
    this.#state = Uint32Array.from({ length: 4 }, () => {
      mixed = (mixed + 0x9e3779b9) >>> 0;
      let z = mixed;
      z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
      return (z ^ (z >>> 15)) >>> 0;
    });
  }

  uint32(): number {
    const [a = 0, b = 0, c = 0, d = 0] = this.#state;
    const turned = Math.imul(b, 5);
    const result = Math.imul((turned << 7) | (turned >>> 25), 9) >>> 0;
    const shifted = b << 9;
    const e = c ^ a;
    const f = d ^ b;
    this.#state[1] = b ^ e;
    this.#state[0] = a ^ f;
    this.#state[2] = e ^ shifted;
    this.#state[3] = (f << 11) | (f >>> 21);
    return result;
  }

  fraction(): number {
    return this.uint32() / 0x1_0000_0000;
  }

  /** 0 to count - 1. */
  below(count: number): number {
    return Math.floor(this.fraction() * count);
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  }

  bytes(count: number): Uint8Array {
    const bytes = new Uint8Array(count);
    for (let i = 0; i < count; i++) bytes[i] = this.uint32() & 0xff;
    return bytes;
  }
}

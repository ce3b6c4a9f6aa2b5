import type { Random } from '../../base/random.ts';

/** xoshiro128** (Blackman and Vigna): small, fast, and the same everywhere. */
export class SeededRandom implements Random {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  constructor(seed: number) {
    // splitmix32 spreads a small seed over the state.
    let mixed = seed >>> 0;
    const draw = (): number => {
      mixed = (mixed + 0x9e3779b9) >>> 0;
      let z = mixed;
      z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
      return z ^ (z >>> 15);
    };
    this.#a = draw();
    this.#b = draw();
    this.#c = draw();
    this.#d = draw();
  }

  uint32(): number {
    const turned = Math.imul(this.#b, 5);
    const result = Math.imul((turned << 7) | (turned >>> 25), 9) >>> 0;
    const shifted = this.#b << 9;
    const e = this.#c ^ this.#a;
    const f = this.#d ^ this.#b;
    this.#b ^= e;
    this.#a ^= f;
    this.#c = e ^ shifted;
    this.#d = (f << 11) | (f >>> 21);
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

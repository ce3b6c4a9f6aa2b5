import { randomFillSync } from 'node:crypto';

/** Randomness, as a port: the simulation brings a seeded one. */
export interface Random {
  /** `count` fresh random bytes; the caller owns them. */
  bytes(count: number): Uint8Array;
  /** A number in [0, 1). */
  fraction(): number;
}

export const systemRandom: Random = {
  bytes: (count) => randomFillSync(new Uint8Array(count)),
  fraction: () => Math.random(),
};

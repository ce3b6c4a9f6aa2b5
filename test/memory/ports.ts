import { createHash } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import { createDecide } from '../../server/core/decide/decide.ts';
import type { LifecycleContext } from '../../server/core/lifecycle/due.ts';
import { MemoryBodies } from './bodies.ts';
import { MemoryRows } from './rows.ts';

export interface MemoryPorts {
  readonly rows: MemoryRows;
  readonly bodies: MemoryBodies;
}

/** core's ports in memory, with the real decisions: what the doors' and core's own tests run on. */
export function createMemoryPorts(options: {
  readonly clock: Clock;
  readonly random: Random;
  /** Default 60 seconds. */
  readonly releaseGraceMillis?: number;
  readonly expiredKeptMillis?: number;
  readonly maxFeedEvents?: number | undefined;
  readonly lifecycle?: LifecycleContext | undefined;
}): MemoryPorts {
  const { releaseGraceMillis = 60_000, expiredKeptMillis, maxFeedEvents, lifecycle } = options;
  const decide = createDecide({ releaseGraceMillis, expiredKeptMillis, maxFeedEvents, lifecycle });
  return {
    rows: new MemoryRows(options.clock, decide),
    bodies: new MemoryBodies(options.random),
  };
}

/** A clock that stands until it is moved. Starts at 2026-01-01 by default. */
export class ManualClock implements Clock {
  #now: number;

  constructor(now = 1_767_225_600_000) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  advance(millis: number): void {
    this.#now += millis;
  }

  turn(): Promise<void> {
    return Promise.resolve();
  }

  sleep(millis: number): Promise<void> {
    this.#now += millis;
    return Promise.resolve();
  }

  after(millis: number, task: () => void): () => void {
    const timer = setTimeout(task, millis);
    return () => clearTimeout(timer);
  }
}

/** The same bytes for the same seed, everywhere. */
export function seededRandom(seed: string): Random {
  let count = 0;
  const block = (): Buffer => createHash('sha256').update(`${seed}:${count++}`).digest();
  return {
    bytes: (length) => {
      const blocks = Array.from({ length: Math.ceil(length / 32) }, block);
      return Buffer.concat(blocks).subarray(0, length);
    },
    fraction: () => block().readUInt32BE(0) / 2 ** 32,
  };
}

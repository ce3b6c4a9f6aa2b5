/** Time, as a port: the simulation brings its own. */
export interface Clock {
  /** Wall time, milliseconds since 1970; may jump. */
  now(): number;
  /** Milliseconds from an arbitrary start; never goes back. */
  monotonic(): number;
  /** Resolves after `millis`; rejects with StoreError `cancelled` when the signal aborts first. */
  sleep(millis: number, signal?: AbortSignal): Promise<void>;
  /** Runs `task` once after `millis`; the returned function cancels it. */
  after(millis: number, task: () => void): () => void;
  /** Resolves when the events that are at hand now have been taken in: for work that gathers company. */
  turn(): Promise<void>;
}

import { StoreError } from './errors.ts';

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (millis, signal) =>
    new Promise((resolve, reject) => {
      const cancelled = (): void => {
        clearTimeout(timer);
        reject(new StoreError('cancelled', 'clock.sleep', 'the wait was cancelled'));
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', cancelled);
        resolve();
      }, millis);
      if (signal?.aborted) cancelled();
      else signal?.addEventListener('abort', cancelled, { once: true });
    }),
  after: (millis, task) => {
    const timer = setTimeout(task, millis);
    return () => clearTimeout(timer);
  },
  turn: () => new Promise((resolve) => void setImmediate(resolve)),
};

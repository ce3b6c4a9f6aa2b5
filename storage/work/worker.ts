/**
 * Every background job has one shape: `next()` finds the next piece of work or undefined, `run()` does
 * it. A worker keeps nothing that a restart may not lose: what is left to do is in rows or on devices.
 */
import type { Clock } from '../../base/clock.ts';
import { isStoreError, toStoreError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';

export interface Worker<Job = unknown> {
  readonly name: string;
  /** The next job; undefined when there is nothing to do now. */
  next(): Promise<Job | undefined>;
  /** Does one job; safe to repeat. Throws StoreError; the loop goes on after a pause. */
  run(job: Job): Promise<void>;
}

/** How a worker has fared since the start: shown by metrics and `torc status`. */
export interface WorkerStatus {
  readonly name: string;
  readonly state: 'idle' | 'working' | 'stopped';
  readonly done: number;
  readonly failed: number;
  readonly lastError: string | undefined;
}

export interface Pace {
  /** Between two jobs; bounds the share of the disks that the worker takes. */
  readonly pauseMillis: number;
  /** Before looking again when there was nothing to do, or after a failure. */
  readonly idleMillis: number;
}

/** Runs one worker until stopped; one job at a time. */
export class WorkerLoop {
  readonly #worker: Worker;
  readonly #clock: Clock;
  readonly #pace: Pace;
  readonly #logger: Logger;
  #state: WorkerStatus['state'] = 'stopped';
  #done = 0;
  #failed = 0;
  #lastError: string | undefined;
  #stop: AbortController | undefined;
  #loop: Promise<void> = Promise.resolve();
  #wake = (): void => undefined;

  constructor(worker: Worker, options: { clock: Clock; pace: Pace; logger: Logger }) {
    this.#worker = worker;
    this.#clock = options.clock;
    this.#pace = options.pace;
    this.#logger = options.logger;
  }

  get status(): WorkerStatus {
    return {
      name: this.#worker.name,
      state: this.#state,
      done: this.#done,
      failed: this.#failed,
      lastError: this.#lastError,
    };
  }

  /** One `next` and, if there was a job, one `run`. Returns whether there was one. Never rejects with a StoreError. */
  async step(): Promise<boolean> {
    try {
      const job = await this.#worker.next();
      if (job === undefined) return false;
      this.#state = 'working';
      await this.#worker.run(job);
      this.#done++;
      return true;
    } catch (error) {
      if (!isStoreError(error)) throw error;
      this.#note(error);
      return false;
    } finally {
      this.#state = 'idle';
    }
  }

  #note(error: unknown): void {
    const known = toStoreError(error, this.#worker.name);
    if (known.kind === 'cancelled') return;
    this.#failed++;
    this.#lastError = `${known.kind}: ${known.message}`;
    this.#logger.warn(
      { event: 'worker.failed', worker: this.#worker.name, kind: known.kind },
      known.message,
    );
  }

  start(): void {
    if (this.#stop !== undefined) return;
    this.#stop = new AbortController();
    this.#loop = this.#run(this.#stop.signal);
  }

  /** Looks for work now rather than after the idle pause. */
  wake(): void {
    this.#wake();
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const busy = await this.step();
      await this.#pause(busy ? this.#pace.pauseMillis : this.#pace.idleMillis, signal);
    }
    this.#state = 'stopped';
  }

  /** Ends after `millis`, when woken, or when stopped. */
  #pause(millis: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const finish = (): void => {
        cancel();
        signal.removeEventListener('abort', finish);
        this.#wake = (): void => undefined;
        resolve();
      };
      const cancel = this.#clock.after(millis, finish);
      signal.addEventListener('abort', finish, { once: true });
      this.#wake = finish;
      if (signal.aborted) finish();
    });
  }

  /** Resolves when the job under way is done. */
  async stop(): Promise<void> {
    this.#stop?.abort();
    await this.#loop;
    this.#stop = undefined;
  }
}

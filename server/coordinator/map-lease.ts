/**
 * A lease of the engine as its holder sees it. It counts from the moment before the last renewal that
 * succeeded was asked for, and ends a tenth sooner than the engine would end it: clocks may run apart
 * by so much. Time is what has passed by the monotonic clock or by the wall clock, whichever is more: the
 * one stands still while a machine is suspended, the other may be set back.
 */
import type { Clock } from '../../base/clock.ts';
import { isStoreError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { DeviceId } from '../../base/units.ts';
import type { Lease, Presence } from '../../storage/shard/coordinator.ts';
import type { MapEngine } from './map-engine.ts';
import { sessionKey } from './map-keys.ts';

export interface LeaseTimes {
  readonly ttlSeconds: number;
  readonly renewMillis: number;
}

/** A failure is noticed after 5 s; four renewals may be lost before. */
export const leaseTimes: LeaseTimes = { ttlSeconds: 5, renewMillis: 1000 };

/** The part of the engine's time for which the right is used. */
const usedShare = 0.9;
const retryMillis = 200;

export interface EngineLeaseOptions {
  readonly engine: MapEngine;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly times: LeaseTimes;
  readonly presence: Presence;
  /** Told which revision the engine has reached, with every renewal. */
  readonly onRevision: (revision: number) => void;
}

interface Moment {
  readonly monotonic: number;
  readonly wall: number;
}

export class EngineLease implements Lease {
  readonly session: string;
  readonly #options: EngineLeaseOptions;
  #renewed: Moment;
  #state: 'held' | 'lost' | 'released' = 'held';
  #presence: Presence;
  #written: Promise<void> = Promise.resolve();
  #cancelRenewal: (() => void) | undefined;
  readonly #listeners = new Set<() => void>();

  private constructor(options: EngineLeaseOptions, session: string, granted: Moment) {
    this.#options = options;
    this.session = session;
    this.#renewed = granted;
    this.#presence = options.presence;
  }

  /** Throws `unavailable`. */
  static async grant(options: EngineLeaseOptions): Promise<EngineLease> {
    const asked = momentOf(options.clock);
    const session = await options.engine.grant(options.times.ttlSeconds);
    const lease = new EngineLease(options, session, asked);
    try {
      await lease.#write();
    } catch (error) {
      await options.engine.revoke(session).catch(() => undefined);
      throw error;
    }
    lease.#renewAfter(options.times.renewMillis);
    return lease;
  }

  held(): boolean {
    if (this.#state !== 'held') return false;
    const now = momentOf(this.#options.clock);
    const passed = Math.max(now.monotonic - this.#renewed.monotonic, now.wall - this.#renewed.wall);
    return passed < this.#options.times.ttlSeconds * 1000 * usedShare;
  }

  onLost(listener: () => void): () => void {
    if (this.#state === 'lost') listener();
    else this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  present(devices: readonly DeviceId[]): Promise<void> {
    this.#presence = { ...this.#presence, devices };
    return this.#write();
  }

  /** One write after the other: the last one tells the truth. */
  #write(): Promise<void> {
    const run = this.#written.then(async () => {
      const { engine } = this.#options;
      const value = JSON.stringify({ id: this.session, ...this.#presence });
      await engine.commit([], [{ key: sessionKey(this.session), value, lease: this.session }]);
    });
    this.#written = run.catch(() => undefined);
    return run;
  }

  async release(): Promise<void> {
    if (this.#state !== 'held') return;
    this.#state = 'released';
    this.#cancelRenewal?.();
    await this.#options.engine.revoke(this.session);
  }

  #renewAfter(millis: number): void {
    if (this.#state !== 'held') return;
    this.#cancelRenewal = this.#options.clock.after(millis, () => void this.#renew());
  }

  async #renew(): Promise<void> {
    const { engine, clock, times, logger, onRevision } = this.#options;
    const asked = momentOf(clock);
    try {
      const { alive, revision } = await engine.keepAlive(this.session);
      if (this.#state !== 'held') return;
      if (!alive) {
        this.#lose();
        return;
      }
      this.#renewed = asked;
      onRevision(revision);
      this.#renewAfter(times.renewMillis);
    } catch (error) {
      const reason = isStoreError(error) ? error.message : String(error);
      logger.warn({ event: 'lease.not-renewed', reason }, 'The lease could not be renewed.');
      this.#renewAfter(retryMillis);
    }
  }

  #lose(): void {
    this.#state = 'lost';
    const fields = { event: 'lease.lost', session: this.session };
    this.#options.logger.warn(fields, 'The lease has ended: others may have taken over.');
    for (const listener of this.#listeners) listener();
    this.#listeners.clear();
  }
}

function momentOf(clock: Clock): Moment {
  return { monotonic: clock.monotonic(), wall: clock.now() };
}

/** This process's lease: taken at the start, and anew when it was lost. */
import type { Clock } from '../../base/clock.ts';
import { toStoreError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { DeviceId } from '../../base/units.ts';
import type { Coordinator, Lease, Presence } from '../../storage/shard/coordinator.ts';

export interface SessionKeeperOptions {
  readonly coordinator: Coordinator;
  readonly clock: Clock;
  readonly logger: Logger;
  /** As it begins: without devices. */
  readonly presence: Presence;
}

interface Listener {
  /** The lease is over; nothing may be served under it. */
  lost(): void;
  /** There is another. */
  taken(): void;
}

const retryMillis = 500;

export class SessionKeeper {
  readonly #options: SessionKeeperOptions;
  #presence: Presence;
  #lease: Lease | undefined;
  #listener: Listener | undefined;
  #cancelRetry: (() => void) | undefined;
  #closed = false;

  private constructor(options: SessionKeeperOptions) {
    this.#options = options;
    this.#presence = options.presence;
  }

  /** Throws `unavailable` when the engine does not answer. */
  static async start(options: SessionKeeperOptions): Promise<SessionKeeper> {
    const keeper = new SessionKeeper(options);
    await keeper.#take();
    return keeper;
  }

  /** The lease now; it may not hold at this moment. Undefined between one that was lost and the next. */
  get lease(): Lease | undefined {
    return this.#lease;
  }

  listen(listener: Listener): void {
    this.#listener = listener;
  }

  async #take(): Promise<void> {
    const told = this.#presence;
    const lease = await this.#options.coordinator.lease(told);
    if (this.#closed) {
      await lease.release();
      return;
    }
    this.#lease = lease;
    lease.onLost(() => this.#lost());
    // What has come meanwhile could not be told.
    if (this.#presence !== told) this.present(this.#presence.devices);
    this.#listener?.taken();
  }

  #lost(): void {
    this.#lease = undefined;
    if (this.#closed) return;
    this.#listener?.lost();
    this.#retake();
  }

  #retake(): void {
    this.#take().catch((error: unknown) => {
      const reason = toStoreError(error, 'session').message;
      this.#options.logger.warn({ event: 'session.none', reason }, 'There is no lease yet.');
      if (this.#closed) return;
      this.#cancelRetry = this.#options.clock.after(retryMillis, () => this.#retake());
    });
  }

  /** Tells the others which devices serve here. What cannot be told now is told with the next lease. */
  present(devices: readonly DeviceId[]): void {
    this.#presence = { ...this.#presence, devices };
    this.#lease?.present(devices).catch((error: unknown) => {
      const reason = toStoreError(error, 'session').message;
      this.#options.logger.warn(
        { event: 'session.not-told', reason },
        'The others do not know yet which devices serve here.',
      );
      this.#cancelRetry?.();
      if (this.#closed) return;
      this.#cancelRetry = this.#options.clock.after(retryMillis, () => {
        if (devices === this.#presence.devices) this.present(devices);
      });
    });
  }

  /** Ends the lease at once: others need not wait for its end. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelRetry?.();
    await this.#lease?.release().catch(() => undefined);
  }
}

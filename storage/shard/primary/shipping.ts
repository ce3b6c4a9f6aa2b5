/** Commits on their way from a shard's primary to its replicas: a few shipments at a time, the next one gathers meanwhile. */
import { type StoreError, toStoreError } from '../../../base/errors.ts';
import type { Epoch, Sequence } from '../../../base/units.ts';
import type { EncodedRecord } from '../log/record.ts';
import type { ShardSettings } from '../settings.ts';
import type { Member } from './member.ts';
import { Outbox } from './outbox.ts';

export interface ShippingOptions {
  readonly settings: ShardSettings;
  readonly members: () => readonly Member[];
  readonly epoch: () => Epoch;
  /** A member has synced more. */
  readonly onSynced: () => void;
  readonly onFailed: (member: Member, error: StoreError) => void;
  /** Something is under way. */
  readonly onSent: () => void;
}

export class Shipping {
  readonly #options: ShippingOptions;
  readonly #outbox = new Outbox();
  #isScheduled = false;
  #isStopped = false;
  /** Last sequence of each shipment that is not durable everywhere yet. */
  #underWay: Sequence[] = [];

  constructor(options: ShippingOptions) {
    this.#options = options;
  }

  /** It goes with what else is decided in this turn. */
  add(record: EncodedRecord): void {
    this.#outbox.push(record);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      if (!this.#isStopped) this.go();
    });
  }

  /** Sends what is decided, in at most so many shipments under way. */
  go(slots: number = this.#options.settings.shipmentsInFlightMax): void {
    const { settings, members, onSent } = this.#options;
    while (!this.#outbox.isEmpty && this.#underWay.length < slots) {
      const commits = this.#outbox.take(settings.shipmentBytesMax);
      const last = commits.at(-1);
      if (last === undefined) return;
      this.#underWay.push(last.sequence);
      for (const member of members()) this.#send(member, commits, last.sequence);
    }
    if (this.#underWay.length > 0) onSent();
  }

  /** All that is decided, however much is under way. */
  goAll(): void {
    this.go(Number.POSITIVE_INFINITY);
  }

  #send(member: Member, commits: readonly EncodedRecord[], last: Sequence): void {
    const { epoch, onSynced, onFailed } = this.#options;
    member.call(() => {
      if (member.failed) return;
      member.sent(last);
      member.peer.append({ epoch: epoch(), commits }).then(
        () => {
          member.acknowledged(last);
          onSynced();
        },
        (error: unknown) => onFailed(member, toStoreError(error, 'shard.ship')),
      );
    });
  }

  /** All members have synced everything up to here. */
  settle(upTo: Sequence): void {
    while ((this.#underWay[0] ?? Number.POSITIVE_INFINITY) <= upTo) this.#underWay.shift();
  }

  stop(): void {
    this.#isStopped = true;
    this.#outbox.clear();
  }
}

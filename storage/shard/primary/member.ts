/** A replica as its primary sees it: what it was sent, what it has synced. */
import { StoreError } from '../../../base/errors.ts';
import type { Sequence } from '../../../base/units.ts';
import type { ReplicaPeer } from '../peer.ts';

/** `learner`: is sent commits. `joining`: acknowledgements wait for it already. `in-sync`: the map says so too. */
export type MemberRole = 'learner' | 'joining' | 'in-sync';

interface SyncWaiter {
  readonly sequence: Sequence;
  readonly resolve: () => void;
  readonly reject: (error: StoreError) => void;
}

export class Member {
  /** A member is too slow when so many checks in a row find it at the same place: a process that was itself stopped blames nobody. */
  static readonly patienceChecks = 4;
  readonly peer: ReplicaPeer;
  role: MemberRole;
  #synced: Sequence;
  #failed: StoreError | undefined;
  /** Last sequence of each shipment under way. */
  #outstanding: Sequence[] = [];
  #checks = 0;
  #waiters: SyncWaiter[] = [];
  /** Calls that wait until the peer has been brought level; undefined: they are made at once. */
  #held: (() => void)[] | undefined;

  constructor(peer: ReplicaPeer, role: MemberRole, synced: Sequence) {
    this.peer = peer;
    this.role = role;
    this.#synced = synced;
  }

  get synced(): Sequence {
    return this.#synced;
  }

  get failed(): StoreError | undefined {
    return this.#failed;
  }

  get behind(): boolean {
    return this.#outstanding.length > 0 && this.#failed === undefined;
  }

  /** From now on calls wait for `release`: the peer is sent older commits first. */
  hold(): void {
    this.#held = [];
  }

  get held(): boolean {
    return this.#held !== undefined;
  }

  /** Makes a call to the peer in its place in the order. */
  call(task: () => void): void {
    if (this.#held === undefined) task();
    else this.#held.push(task);
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const task of held) task();
  }

  sent(last: Sequence): void {
    this.#outstanding.push(last);
  }

  acknowledged(last: Sequence): void {
    this.#outstanding.shift();
    this.#checks = 0;
    if (last > this.#synced) this.#synced = last;
    if (this.#waiters.length === 0) return;
    for (const waiter of this.#waiters) if (waiter.sequence <= last) waiter.resolve();
    this.#waiters = this.#waiters.filter((waiter) => waiter.sequence > last);
  }

  /** One look at the clock; true when the member has kept its primary waiting for too long. */
  check(): boolean {
    if (!this.behind) return false;
    this.#checks++;
    return this.#checks > Member.patienceChecks;
  }

  fail(error: StoreError): void {
    this.#failed ??= error;
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
  }

  /** Resolves when everything up to `sequence` is synced there; rejects when the member fails first. */
  whenSynced(sequence: Sequence): Promise<void> {
    if (this.#failed !== undefined) return Promise.reject(this.#failed);
    if (sequence <= this.#synced) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiters.push({ sequence, resolve, reject });
    });
  }
}

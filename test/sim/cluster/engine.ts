/**
 * A model of etcd: one linearizable store with leases and a history, reached over a network that may be
 * cut. Its members are not modelled: it has a quorum or it has none, and a process reaches it or does not.
 */
import type { Clock } from '../../../base/clock.ts';
import { StoreError } from '../../../base/errors.ts';
import type {
  EngineAlive,
  EngineChange,
  EngineGuard,
  EngineListener,
  EngineSnapshot,
  EngineWrite,
  MapEngine,
} from '../../../server/coordinator/map-engine.ts';
import type { SeededRandom } from '../random.ts';

/** Name of the engine on the network, for cuts. */
export const engineHost = 'engine';
const callMillis = 1500;

interface Entry {
  readonly value: string;
  readonly revision: number;
  readonly lease: string | undefined;
}

interface Batch {
  readonly revision: number;
  readonly changes: readonly EngineChange[];
}

interface LeaseState {
  readonly ttlMillis: number;
  expires: number;
}

/** What a process sees of the way to the engine. */
export interface Reach {
  /** Whether what the process sends arrives. */
  sends(): boolean;
  /** Whether what the engine sends arrives. */
  hears(): boolean;
  /** Runs when the process runs; never when it is dead. */
  whenRunning(task: () => void): void;
}

export const alwaysReached: Reach = {
  sends: () => true,
  hears: () => true,
  whenRunning: (task) => task(),
};

export class SimEngine {
  readonly #clock: Clock;
  readonly #random: SeededRandom;
  readonly #entries = new Map<string, Entry>();
  readonly #history: Batch[] = [];
  readonly #leases = new Map<string, LeaseState>();
  readonly #watchers = new Set<() => void>();
  #revision = 1;
  #nextLease = 1;
  #hasQuorum = true;

  constructor(clock: Clock, random: SeededRandom) {
    this.#clock = clock;
    this.#random = random;
  }

  get hasQuorum(): boolean {
    return this.#hasQuorum;
  }

  loseQuorum(): void {
    this.#hasQuorum = false;
  }

  /** A new leader gives every lease its full time again. */
  regainQuorum(): void {
    if (this.#hasQuorum) return;
    this.#hasQuorum = true;
    for (const lease of this.#leases.values()) {
      lease.expires = this.#clock.monotonic() + lease.ttlMillis;
    }
    for (const [id, lease] of this.#leases) this.#expireLater(id, lease);
    for (const wake of this.#watchers) wake();
  }

  client(reach: Reach): MapEngine {
    return new SimEngineClient(this, reach);
  }

  get clock(): Clock {
    return this.#clock;
  }

  latency(): number {
    return 0.5 + this.#random.fraction() * 2;
  }

  snapshot(): EngineSnapshot {
    const entries = [...this.#entries]
      .map(([key, { value, revision }]) => ({ key, value, revision }))
      .toSorted((a, b) => (a.key < b.key ? -1 : 1));
    return { revision: this.#revision, entries };
  }

  commit(
    guards: readonly EngineGuard[],
    writes: readonly EngineWrite[],
  ): { taken: boolean; revision: number } {
    for (const { lease } of writes) {
      if (lease !== undefined && !this.#leases.has(lease)) {
        throw new StoreError('unavailable', 'engine', 'no such lease');
      }
    }
    const taken = guards.every(
      ({ key, revision }) => (this.#entries.get(key)?.revision ?? 0) === revision,
    );
    if (taken) this.#write(writes);
    return { taken, revision: this.#revision };
  }

  #write(writes: readonly EngineWrite[]): void {
    const revision = ++this.#revision;
    const changes: EngineChange[] = [];
    for (const { key, value, lease } of writes) {
      if (value === undefined && !this.#entries.has(key)) continue;
      if (value === undefined) this.#entries.delete(key);
      else this.#entries.set(key, { value, revision, lease });
      changes.push({ key, value });
    }
    if (changes.length === 0) return;
    this.#history.push({ revision, changes });
    for (const wake of this.#watchers) wake();
  }

  /** The first change since; batches lie in the order of their revisions. */
  firstSince(revision: number): Batch | undefined {
    let [from, to] = [0, this.#history.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if ((this.#history[middle]?.revision ?? 0) < revision) from = middle + 1;
      else to = middle;
    }
    return this.#history[from];
  }

  addWatcher(wake: () => void): () => void {
    this.#watchers.add(wake);
    return () => this.#watchers.delete(wake);
  }

  grant(ttlSeconds: number): string {
    const id = String(this.#nextLease++);
    const ttlMillis = ttlSeconds * 1000;
    const lease = { ttlMillis, expires: this.#clock.monotonic() + ttlMillis };
    this.#leases.set(id, lease);
    this.#expireLater(id, lease);
    return id;
  }

  keepAlive(id: string): EngineAlive {
    const lease = this.#leases.get(id);
    if (lease !== undefined) lease.expires = this.#clock.monotonic() + lease.ttlMillis;
    return { alive: lease !== undefined, revision: this.#revision };
  }

  revoke(id: string): void {
    if (!this.#leases.delete(id)) return;
    const keys = [...this.#entries].filter(([, entry]) => entry.lease === id).map(([key]) => key);
    this.#write(keys.map((key) => ({ key, value: undefined })));
  }

  #expireLater(id: string, lease: LeaseState): void {
    const left = lease.expires - this.#clock.monotonic();
    // etcd looks for ended leases every half second.
    this.#clock.after(left + this.#random.fraction() * 500, () => {
      if (this.#leases.get(id) !== lease || !this.#hasQuorum) return;
      if (lease.expires > this.#clock.monotonic()) this.#expireLater(id, lease);
      else this.revoke(id);
    });
  }
}

class SimEngineClient implements MapEngine {
  readonly #engine: SimEngine;
  readonly #reach: Reach;
  #closed = false;

  constructor(engine: SimEngine, reach: Reach) {
    this.#engine = engine;
    this.#reach = reach;
  }

  /** One call: it may be lost on its way, or its answer may. */
  async #ask<Result>(call: () => Result): Promise<Result> {
    const engine = this.#engine;
    await engine.clock.sleep(engine.latency());
    if (this.#closed) throw new StoreError('unavailable', 'engine', 'it is closed');
    if (this.#reach.sends() && engine.hasQuorum) {
      const result = call();
      await engine.clock.sleep(engine.latency());
      if (this.#reach.hears()) {
        await new Promise<void>((resolve) => this.#reach.whenRunning(resolve));
        return result;
      }
    }
    await engine.clock.sleep(callMillis);
    await new Promise<void>((resolve) => this.#reach.whenRunning(resolve));
    throw new StoreError('unavailable', 'engine', 'no answer');
  }

  read(): Promise<EngineSnapshot> {
    return this.#ask(() => this.#engine.snapshot());
  }

  commit(
    guards: readonly EngineGuard[],
    writes: readonly EngineWrite[],
  ): Promise<{ taken: boolean; revision: number }> {
    return this.#ask(() => this.#engine.commit(guards, writes));
  }

  watch(from: number, listener: EngineListener): () => void {
    const engine = this.#engine;
    let next = from;
    let ended = false;
    let running = false;
    const deliver = (): void => {
      running = false;
      if (ended) return;
      if (!this.#reach.hears() || !engine.hasQuorum) {
        run(20);
        return;
      }
      const batch = engine.firstSince(next);
      if (batch === undefined) return;
      next = batch.revision + 1;
      this.#reach.whenRunning(() => {
        if (!ended) listener.changed(batch.revision, batch.changes);
      });
      if (engine.firstSince(next) !== undefined) run(engine.latency());
    };
    const run = (millis: number): void => {
      if (running || ended) return;
      running = true;
      engine.clock.after(millis, deliver);
    };
    const remove = engine.addWatcher(() => run(engine.latency()));
    run(engine.latency());
    return () => {
      ended = true;
      remove();
    };
  }

  grant(ttlSeconds: number): Promise<string> {
    return this.#ask(() => this.#engine.grant(ttlSeconds));
  }

  keepAlive(lease: string): Promise<EngineAlive> {
    return this.#ask(() => this.#engine.keepAlive(lease));
  }

  revoke(lease: string): Promise<void> {
    return this.#ask(() => this.#engine.revoke(lease));
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }
}

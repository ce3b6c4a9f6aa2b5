/**
 * What a consensus engine does for the cluster map: small keys under one prefix, guarded changes of
 * several at once, a history that can be followed, and leases. Implementations: etcd, and a model of it
 * in the simulation. Keys are relative to the prefix. Errors: `unavailable` when the engine did not
 * answer in time; what was asked may have happened.
 */
export interface EngineEntry {
  readonly key: string;
  readonly value: string;
  /** Of the change that wrote it. */
  readonly revision: number;
}

export interface EngineSnapshot {
  /** Grows with every change in the whole engine. */
  readonly revision: number;
  readonly entries: readonly EngineEntry[];
}

/** Holds while the key's last change is this one; 0: while there is no such key. */
export interface EngineGuard {
  readonly key: string;
  readonly revision: number;
}

export interface EngineWrite {
  readonly key: string;
  /** Undefined: the key goes. */
  readonly value: string | undefined;
  /** The key goes with this lease. */
  readonly lease?: string;
}

export interface EngineChange {
  readonly key: string;
  readonly value: string | undefined;
}

export interface EngineListener {
  /** All changes of one revision, in the order of revisions. */
  changed(revision: number, changes: readonly EngineChange[]): void;
  /** The stream has ended; changes after the last may have been missed. */
  broken(reason: unknown): void;
}

export interface EngineAlive {
  /** False: the lease has ended, and its keys are gone. */
  readonly alive: boolean;
  /** One that the engine had reached when it answered. */
  readonly revision: number;
}

export interface MapEngine {
  /** Everything under the prefix: never older than any change that was acknowledged before the call. */
  read(): Promise<EngineSnapshot>;
  /** All writes, if all guards hold; else nothing. */
  commit(
    guards: readonly EngineGuard[],
    writes: readonly EngineWrite[],
  ): Promise<{ readonly taken: boolean; readonly revision: number }>;
  /** Follows all changes from revision `from` on. Returns what ends it. */
  watch(from: number, listener: EngineListener): () => void;
  /** A lease that ends `ttlSeconds` after its last renewal. */
  grant(ttlSeconds: number): Promise<string>;
  keepAlive(lease: string): Promise<EngineAlive>;
  /** Ends a lease; nothing happens when it has ended already. */
  revoke(lease: string): Promise<void>;
  close(): Promise<void>;
}

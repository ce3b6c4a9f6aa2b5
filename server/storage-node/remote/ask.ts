/** What stands behind a remote object: a way to ask one process of another machine. */
import type { Call, Reply } from '../wire/asking.ts';

export interface Asker {
  /** Errors: those of the other side; `unavailable` where the outcome is not known. */
  ask(call: Call): Promise<Reply>;
}

/**
 * How long a call is waited for. A machine that hangs is noticed sooner, by its silence; these are for
 * devices that hang on a machine that lives.
 */
export const patience = {
  /** Rows and commits: clients wait. */
  rowsMillis: 15_000,
  /** Fragments: writers and readers have less patience of their own. */
  fragmentsMillis: 60_000,
  /** Wiping and copying a replica. */
  replicaMillis: 120_000,
} as const;

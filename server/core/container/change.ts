import type { FeedsChange, MetadataPatch } from '../commands.ts';
import type { ContainerLock, QueueRow, Versioning } from '../model.ts';
import type { Lifecycle } from '../lifecycle/rules.ts';

/** What of a container shall be otherwise; all of it in one commit. */
export interface ContainerChange {
  readonly settings: MetadataPatch;
  readonly versioning?: Versioning;
  /** null: nothing is done any more. */
  readonly lifecycle?: Lifecycle | null;
  /** Replaces the container's feeds of that purpose. `invalid-argument` with argument `replication`, or `invalid-state`: replication and no versioning do not go together. */
  readonly feeds?: FeedsChange;
  /** `invalid-state` unless versioning is enabled; it cannot be taken back. */
  readonly lock?: ContainerLock;
  /** Work that the change leaves for later, queued in the same commit. */
  readonly later?: readonly { readonly dueAt: number; readonly row: QueueRow }[];
}

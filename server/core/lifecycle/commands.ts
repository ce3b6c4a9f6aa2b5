/** Commands of lifecycle: a part of `Commands`. */
import type { Micros } from '../../../base/units.ts';
import type { BodyRef, DueTask, Id, PartRow, VersionRow } from '../model.ts';
import type { DueKey } from './due-key.ts';

/** Names a due row as it was read. */
export type DueDone = DueKey & { readonly stamp: Micros };

/** Versions that were removed, hidden by a marker, and queued to be moved. */
export interface LifecycleOutcome {
  readonly removed: number;
  readonly marked: number;
  readonly moving: number;
}

export interface RestoreOutcome {
  /** False: there was a readable copy, which is kept for longer. */
  readonly isNew: boolean;
  readonly row: VersionRow;
}

export interface LifecycleCommands {
  /** Does with these versions what the container's rules say now, notes when to look again, and ends what asked for it. */
  'lifecycle.apply': {
    args: {
      containerId: Id;
      key: string;
      versions: readonly Micros[];
      nextDueAt?: number;
      done?: DueDone;
    };
    result: LifecycleOutcome;
  };
  /** Whether the upload was aborted. */
  'lifecycle.expire-upload': {
    args: { containerId: Id; key: string; uploadId: Id; done: DueDone };
    result: boolean;
  };
  /** What a page of a scan found, and how it goes on; without `next` it is over. */
  'lifecycle.plan': {
    args: {
      containerId: Id;
      dues: readonly {
        readonly key: string;
        readonly dueAt: number;
        readonly uploadId?: Id | undefined;
      }[];
      done: DueDone;
      next?: DueTask;
    };
    result: null;
  };
  /** A rewritten part waits for its object. False when there is one already. */
  'move.stage-part': {
    args: {
      containerId: Id;
      key: string;
      stagedId: Id;
      part: PartRow;
      /** The upload whose part of this number has the same inline body. */
      inlineOf?: Id;
    };
    result: boolean;
  };
  /** The version is of this class from now on, its bytes are in `body`; unless it no longer has those `from` which that was made. */
  'object.move': {
    args: {
      containerId: Id;
      key: string;
      version: Micros;
      storageClass: string;
      from: BodyRef;
      body: BodyRef;
      done: DueDone;
    };
    result: boolean;
  };
  /** Gives a move up, and what was staged for it. */
  'move.drop': {
    args: { containerId: Id; key: string; stagedId: Id; done: DueDone };
    result: null;
  };
  /** Asks for a readable copy of an archived version for so many days. `invalid-state`: it is not archived; `conflict`: one is on its way. */
  'object.restore': {
    args: { containerId: Id; key: string; version?: Micros; days: number };
    result: RestoreOutcome;
  };
  /** The copy is there (`body` as `from`: none was needed). */
  'object.restored': {
    args: {
      containerId: Id;
      key: string;
      version: Micros;
      days: number;
      from: BodyRef;
      body: BodyRef;
      done: DueDone;
    };
    result: boolean;
  };
  'object.unrestore': {
    args: { containerId: Id; key: string; version: Micros; done: DueDone };
    result: null;
  };
  'lifecycle.done': { args: { containerId: Id; done: DueDone }; result: null };
}

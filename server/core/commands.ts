/**
 * Everything that changes rows. A command is plain data (it may travel to another machine); its
 * decision (decide/*.ts) runs at the shard's primary, where a precondition is a plain `if`.
 */
import type { BackupRow } from './backup/backup-row.ts';
import type { Micros } from '../../base/units.ts';
import type { ObjectEvent } from './feed/events.ts';
import type { DueLane } from './lifecycle/due-key.ts';
import type { LifecycleCommands } from './lifecycle/commands.ts';
import type { Expiration, Lifecycle } from './lifecycle/rules.ts';
import type { Piece } from './pieces/piece.ts';
import type { Growth, Quota, Sums } from './quota/quota.ts';
import type {
  AccountUsageRow,
  Checksum,
  ContainerIntent,
  ContainerLock,
  ContainerRow,
  DirectoryRow,
  Encryption,
  EventOrigin,
  Feed,
  Id,
  Metadata,
  PartRow,
  QueueRow,
  Retention,
  StoredBody,
  UploadRow,
  UsageRow,
  VersionRow,
  Versioning,
} from './model.ts';

/** Conditions on the object that a write replaces, judged against the current version (a delete marker or an expired object counts as absent). */
export interface WriteCondition {
  /** Must exist with one of these etags; `*`: must exist. Absent object: `no-such-object`; other etag: `precondition-failed`. */
  readonly ifMatch?: readonly string[] | '*' | undefined;
  /** Must not exist (`*`), or not have one of these etags: `precondition-failed`. */
  readonly ifNoneMatch?: readonly string[] | '*' | undefined;
  /** Milliseconds; the current version must not be newer: `precondition-failed`. */
  readonly ifUnmodifiedSince?: number | undefined;
  /** Milliseconds, whole seconds: the addressed version must have been changed last just then (DELETE alone; an absent one passes). */
  readonly ifModifiedAt?: number | undefined;
  /** Bytes that the addressed version must have (DELETE alone; an absent one passes). */
  readonly ifSize?: number | undefined;
  /** Milliseconds, 0 for never: when the addressed version must expire (DELETE alone). One that has expired is still addressed; an absent one is `no-such-object`. */
  readonly ifExpiresAt?: number | undefined;
  /** Absent object under ifMatch is `precondition-failed` rather than `no-such-object` (Swift). */
  readonly absentFails?: boolean | undefined;
}

/** Read conditions (RFC 9110 section 13.2.2 order): failing ones throw `precondition-failed` or `not-modified`, with detail etag and modifiedAt. */
export interface ReadCondition {
  readonly ifMatch?: readonly string[] | '*' | undefined;
  readonly ifNoneMatch?: readonly string[] | '*' | undefined;
  /** Milliseconds since 1970, whole seconds. */
  readonly ifModifiedSince?: number | undefined;
  readonly ifUnmodifiedSince?: number | undefined;
}

/** Patch of a settings or metadata map: a string sets, null removes. */
export type MetadataPatch = Readonly<Record<string, string | null>>;

/** What a new version holds, before the primary stamps it. */
export type NewVersion = Omit<
  VersionRow,
  | 'kind'
  | 'version'
  | 'isNull'
  | 'modifiedAt'
  | 'originAt'
  | 'older'
  | 'newer'
  | 'nullVersion'
  | 'place'
  | 'isGap'
>;

/** What feeds are told beside what the commit itself shows. */
export interface EventCause {
  /** Where the command alone does not say it: a copy, a form, an expiry, tags. */
  readonly event?: ObjectEvent | undefined;
  readonly origin?: EventOrigin | undefined;
  /** The change was made in another store at this time (`RequestContext.madeAt`). */
  readonly madeAt?: Micros | undefined;
}

/** All rules of one purpose, as they shall be. */
export interface FeedsChange {
  readonly purpose: Feed['purpose'];
  readonly feeds: readonly Omit<Feed, 'id' | 'purpose'>[];
}

/** How much a commit may add to the sums of account and container: `conflict` with detail `allowance` when it would add more (decision 0026). */
export interface Allowance {
  readonly bytes: number;
  readonly objects: number;
  /** It is reserved at the container, too: of one in pieces that has a quota nothing may be added without that (detail `unreserved`). */
  readonly isOfContainer?: true;
}

/** Of containers that lie in pieces (decision 0036). */
interface PieceCommands {
  /** Records a change of the container's row beside it, in the first piece. `conflict` (detail `round`) while another one is under way; throws what the change would. Gives its number. */
  'round.begin': { args: { containerId: Id; change: RoundChange }; result: number };
  /** Lets no name of the piece be written until it has the change. Nothing is done when it has it. */
  'piece.fence': {
    args: { containerId: Id; round: number };
    result: { readonly piece: Piece; readonly usage: UsageRow };
  };
  /** The round under way gets this number, which no piece knows: the first one has forgotten some (its shard was made again from an older backup). */
  'round.raise': { args: { containerId: Id; round: number; to: number }; result: null };
  /** Changes the first piece's row, once all others are fenced. `others`: their sums. */
  'round.decide': { args: { containerId: Id; round: number; others: UsageRow }; result: null };
  /** The piece gets the container's row as it is now, and its names may be written again. */
  'piece.adopt': {
    args: { containerId: Id; round: number; container: ContainerRow; change: RoundChange };
    result: null;
  };
  /** Notes at the first piece what a write is going to add to the container; gives what others have noted, and the quota. */
  'container.reserve': {
    args: { containerId: Id; id: Id } & Growth;
    result: { readonly quota?: Quota | undefined; readonly others: Sums };
  };
  'container.release': { args: { containerId: Id; id: Id }; result: null };
  /** All pieces have it. Gives the last round, as it is now. */
  'round.end': { args: { containerId: Id; round: number }; result: RoundRow };
  /** Of local rows that name the piece, those about names that went over name the next one from now on. */
  'pour.settle': { args: { containerId: Id; rows: readonly LocalRowName[] }; result: null };
  /** Nothing of it is left to do. */
  'pour.end': { args: { containerId: Id }; result: null };
}

export type LocalRowName =
  | { readonly table: 'claim'; readonly objectId: Id }
  | { readonly table: 'queue'; readonly dueAt: number; readonly id: string }
  | { readonly table: 'due'; readonly lane: DueLane; readonly dueAt: number; readonly id: string };

/** A change of the row of a container in pieces. */
export type RoundChange =
  | ({ readonly type: 'container.update' } & Omit<
      Commands['container.update']['args'],
      'containerId'
    >)
  | { readonly type: 'container.delete' };

/** The last of these changes, recorded in the first piece so that anyone can bring it to its end. */
export interface RoundRow {
  readonly number: number;
  readonly change: RoundChange;
  /** `begun`: pieces are being fenced. `decided`: the container's row has it. `over`: all copies have it. */
  readonly state: 'begun' | 'decided' | 'over';
  /** It was a deletion, and something was left. */
  readonly refusal?: { readonly versionsLeft: boolean; readonly uploadsLeft: boolean };
}

export interface Commands extends LifecycleCommands, PieceCommands {
  /** `domain`: of a new account, or of one that did not know it. */
  'account.ensure': {
    args: { accountId: Id; name: string; domain?: string };
    result: { created: boolean };
  };
  'account.update': {
    args: {
      accountId: Id;
      name: string;
      metadata: MetadataPatch;
      settings?: MetadataPatch;
      domain?: string;
      limits: MetadataLimits;
    };
    result: null;
  };
  /** Notes what a write is going to add; gives what others have noted. */
  'account.reserve': {
    args: { accountId: Id; id: Id; policy: string; bytes: number; objects: number };
    result: AccountUsageRow;
  };
  'account.release': { args: { accountId: Id; id: Id }; result: null };
  /** Adds a directory line in state `creating` (or returns the one there is). */
  'directory.begin': {
    args: {
      accountId: Id;
      name: string;
      containerId: Id;
      policy: string;
      intent: ContainerIntent;
    };
    result: DirectoryRow;
  };
  /** `creating` → `ready`, if it still means this container. */
  'directory.ready': { args: { accountId: Id; name: string; containerId: Id }; result: boolean };
  'directory.remove': { args: { accountId: Id; name: string; containerId: Id }; result: boolean };
  /** Claims a bucket name; false when another container has it. Idempotent. */
  'bucketName.claim': { args: { nameId: Id; account: string; containerId: Id }; result: boolean };
  'bucketName.release': { args: { nameId: Id; containerId: Id }; result: boolean };
  /** Makes the container's own row unless it exists; false when it is deleted already. */
  'container.create': {
    args: {
      containerId: Id;
      account: string;
      name: string;
      policy: string;
      settings: Metadata;
      versioning: Versioning;
      lock?: ContainerLock | undefined;
    };
    result: boolean;
  };
  'container.update': {
    args: {
      containerId: Id;
      settings: MetadataPatch;
      versioning?: Versioning;
      /** null: no rules any more. */
      lifecycle?: Lifecycle | null;
      feeds?: FeedsChange;
      lock?: ContainerLock;
      later?: readonly { readonly dueAt: number; readonly row: QueueRow }[];
      limits: MetadataLimits;
    };
    result: null;
  };
  /** Gives up a creation: leaves a tombstone unless the container lives; false when it lives. */
  'container.abandon': {
    args: { containerId: Id; account: string; name: string; policy: string };
    result: boolean;
  };
  /** Marks it deleted if it is empty, else `container-not-empty` (detail `versionsLeft`, `uploadsLeft`). */
  'container.delete': { args: { containerId: Id }; result: null };

  'object.put': {
    args: {
      containerId: Id;
      key: string;
      object: NewVersion;
      inline?: Uint8Array;
      condition: WriteCondition;
      cause?: EventCause;
      allowance?: Allowance;
    };
    result: PutOutcome;
  };
  /** Replaces the metadata of a version in place (Swift POST; S3 tagging later). */
  'object.update': {
    args: {
      containerId: Id;
      key: string;
      version?: Micros;
      change: ObjectChange;
      /** What has expired and is still there counts as there. */
      allowExpired?: boolean;
      cause?: EventCause;
      /** The caller asked to get past governance retention, and may. */
      bypassGovernance?: boolean;
    };
    result: VersionRow;
  };
  /** Adds a piece to the current object. `conflict` unless it is the one that was seen. */
  'object.append': {
    args: {
      containerId: Id;
      key: string;
      /** Fresh: names the object's parts from its first append on. */
      uploadId: Id;
      /** Must be the object's size. */
      offset: number;
      seen: { readonly version: Micros; readonly etag: string };
      part: Omit<PartRow, 'partNumber' | 'modifiedAt'>;
      inline?: Uint8Array;
      maxParts: number;
      condition: WriteCondition;
      cause?: EventCause;
      allowance?: Allowance;
    };
    result: PutOutcome;
  };
  /** Gives the current object another name within its container. */
  'object.rename': {
    args: {
      containerId: Id;
      key: string;
      source: string;
      sourceCondition: ReadCondition;
      condition: WriteCondition;
      token?: string | undefined;
      cause?: EventCause;
    };
    result: PutOutcome;
  };
  'object.delete': {
    args: {
      containerId: Id;
      key: string;
      versionId?: string;
      /** Swift: no older version takes the place of a current one that goes (see `VersionRow.isGap`). */
      leavesGap?: boolean;
      condition: WriteCondition;
      /** The marker, if one is left, comes from another store's replication. */
      isReplica?: boolean;
      cause?: EventCause;
      bypassGovernance?: boolean;
      allowance?: Allowance;
    };
    result: DeleteOutcome;
  };
  /** Makes this version the current one. It keeps its stamp, and with it its place among the others. */
  'object.promote': {
    args: { containerId: Id; key: string; version: Micros; allowance?: Allowance };
    result: VersionRow;
  };
  /** Removes the version if it is still there and still expired. */
  'object.expire': {
    args: { containerId: Id; key: string; version: Micros; nowMillis: number };
    result: boolean;
  };

  'upload.create': {
    args: { containerId: Id; key: string; upload: Omit<UploadRow, 'startedAt'> };
    result: UploadRow;
  };
  'upload.put-part': {
    args: {
      containerId: Id;
      key: string;
      uploadId: Id;
      part: Omit<PartRow, 'modifiedAt'>;
      inline?: Uint8Array;
    };
    result: PartRow;
  };
  'upload.complete': { args: CompleteArgs; result: PutOutcome };
  'upload.abort': {
    args: { containerId: Id; key: string; uploadId: Id; ifStartedAt?: Micros };
    result: null;
  };

  /** Removes a queue row; of a `release` also the body's claim. */
  /** The same work again, at another time. */
  'queue.move': { args: { containerId: Id; dueAt: number; id: string; to: number }; result: null };
  'queue.done': { args: { containerId: Id; dueAt: number; id: string }; result: null };
  /** Drops the body's claim: run before its fragments are deleted, so that nothing repairs them meanwhile. */
  'queue.release': { args: { containerId: Id; stored: StoredBody }; result: null };
  /** Adds to an account's sums in a shard those that came with another one. */
  'usage.join': { args: { containerId: Id; accountId: Id; from: number }; result: null };
  /** Removes these part rows and queues the release of their bodies. */
  'parts.release': {
    args: { containerId: Id; key: string; uploadId: Id; partNumbers: readonly number[] };
    result: null;
  };
  /** Removes the row of a completed upload. */
  'upload.forget': { args: { containerId: Id; key: string; uploadId: Id }; result: null };
  /** At most one repair is pending for a body. False when no row claims it (any more). */
  'repair.enqueue': { args: { containerId: Id; objectId: Id }; result: boolean };
  /** Ends the pending repair; what is still missing is noted in the claim and queued again for later. */
  'repair.done': {
    args: { containerId: Id; objectId: Id; missing: readonly number[] };
    result: null;
  };
  /** A piece of the shard's backup is stored; `containerId`: the first id that the shard owns. `conflict` when the place is taken. */
  'backup.note': { args: { containerId: Id; place: number; row: BackupRow }; result: null };
  /** These pieces are needed no more: nothing claims their fragments from now on. */
  'backup.release': { args: { containerId: Id; places: readonly number[] }; result: null };
  /** Removes events that were told, or that are `lost`: let go and counted. `forgetLost`: what was lost is made good. */
  'feed.done': {
    args: {
      containerId: Id;
      target: string;
      feedId: Id;
      stamps: readonly Micros[];
      lost?: number;
      forgetLost?: boolean;
    };
    result: null;
  };
  /** How the replication of a version by one feed ended. False when the version is gone. */
  'replication.note': {
    args: {
      containerId: Id;
      key: string;
      version: Micros;
      feedId: Id;
      status: 'completed' | 'failed';
      replica?: string;
      /** It was refused, and is to be tried again. */
      retry?: { readonly event: ObjectEvent; readonly refusals: number; readonly atMillis: number };
    };
    result: boolean;
  };
  /** The feed walks its container for what its target has not got. False when there is no such feed. */
  'feed.catch-up': { args: { containerId: Id; feedId: Id }; result: boolean };
}

export interface MetadataLimits {
  readonly maxCount: number;
  readonly maxTotalBytes: number;
}

export interface ObjectChange {
  readonly contentType?: string | undefined;
  /** undefined: kept; else replaces all. */
  readonly user?: Metadata | undefined;
  readonly system?: Metadata | undefined;
  /** Entries of `system` to set or remove; the others stay as the commit finds them. */
  readonly systemPatch?: MetadataPatch | undefined;
  /** undefined: kept; null: removed. */
  readonly expiresAt?: number | null | undefined;
  /** The same key of the object, wrapped anew. */
  readonly encryption?: Encryption | undefined;
  readonly lock?: LockChange | undefined;
  /** Clients do not see it as a change of the object (S3's tags): `modifiedAt` stays. */
  readonly isSilent?: boolean | undefined;
}

/** Members that are undefined stay; `retention: null` removes it. */
export interface LockChange {
  readonly retention?: Retention | null | undefined;
  readonly legalHold?: boolean | undefined;
}

export interface CompleteArgs {
  readonly containerId: Id;
  readonly key: string;
  readonly uploadId: Id;
  readonly parts: readonly {
    readonly partNumber: number;
    readonly etag: string;
    readonly checksum?: { readonly algorithm: Checksum['algorithm']; readonly value: string };
  }[];
  /** The whole object's checksum as the client states it; checked where it can be computed. */
  readonly checksum?: Checksum | undefined;
  /** x-amz-mp-object-size. */
  readonly size?: number | undefined;
  readonly minPartBytes: number;
  readonly allowance?: Allowance;
  readonly condition: WriteCondition;
  readonly cause?: EventCause;
}

export interface PutOutcome {
  readonly row: VersionRow;
  /** Whether the container is versioned now (the door shows the version id). */
  readonly versioning: Versioning;
  /** When it goes by itself. */
  readonly expiration?: Expiration;
  /** False when it replaced nothing. */
  readonly replaced: boolean;
}

export interface DeleteOutcome {
  /** What was there: undefined when nothing was (S3 answers 204 all the same, Swift 404). */
  readonly deleted: VersionRow | undefined;
  /** The marker that this delete left. */
  readonly marker: VersionRow | undefined;
  /** The object that is current now. */
  readonly current: VersionRow | undefined;
  readonly versioning: Versioning;
}

export type CommandName = keyof Commands;
export type Command = {
  [N in CommandName]: { readonly type: N } & Commands[N]['args'];
}[CommandName];
export type CommandResult<C extends Command> = Commands[C['type']]['result'];

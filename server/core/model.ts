/** The object model that both doors share. Plain data: rows are these types as JSON. No HTTP, no XML, no ring, no devices here. */
import type { Micros } from '../../base/units.ts';
import type { Reservation } from './account/reservation.ts';
import type { Link } from './link.ts';
import type { Lifecycle } from './lifecycle/rules.ts';
import type { ObjectEvent } from './feed/events.ts';
import type { Piece } from './pieces/piece.ts';

/** 16 bytes as 32 hex digits. Container ids are random; an account's id is derived from its name. */
export type Id = string;

/** A name→value set whose names are lower case (metadata names compare without case). */
export type Metadata = Readonly<Record<string, string>>;

export const checksumAlgorithms = [
  'crc32',
  'crc32c',
  'crc64nvme',
  'sha1',
  'sha256',
  'sha512',
  'md5',
  'xxhash64',
  'xxhash3',
  'xxhash128',
] as const;
export type ChecksumAlgorithm = (typeof checksumAlgorithms)[number];
export type ChecksumType = 'full-object' | 'composite';

export interface Checksum {
  readonly algorithm: ChecksumAlgorithm;
  readonly type: ChecksumType;
  /** Base64; a composite one without its `-N`. */
  readonly value: string;
}

/** Object lock (decision 0014). `governance` gives way to who may bypass it, `compliance` to nobody. */
export const retentionModes = ['governance', 'compliance'] as const;
export type RetentionMode = (typeof retentionModes)[number];

export interface Retention {
  readonly mode: RetentionMode;
  /** Milliseconds since 1970. */
  readonly until: number;
}

/** What keeps one version from being removed. `legalHold` false: it was set to OFF. */
export interface ObjectLock {
  readonly retention?: Retention | undefined;
  readonly legalHold?: boolean | undefined;
}

/** A container whose versions can be locked; it stays so, and stays versioned. */
export interface ContainerLock {
  /** What new versions get that name no retention of their own: exactly one of days and years. */
  readonly defaultRetention?:
    | {
        readonly mode: RetentionMode;
        readonly days?: number | undefined;
        readonly years?: number | undefined;
      }
    | undefined;
}

/** An account: created by its first write. */
export interface AccountRow {
  readonly name: string;
  /** Of Keystone: where the project is whose account this is. */
  readonly domain?: string | undefined;
  readonly createdAt: Micros;
  /** Swift's X-Account-Meta-*, names without that prefix. */
  readonly metadata: Metadata;
  /** Door-made: rules of access for the whole account; its quotas (quota/account-quota.ts). */
  readonly settings?: Metadata | undefined;
  /** What writes that are under way will add, while the account has a quota. */
  readonly reserved?: Readonly<Record<Id, Reservation>> | undefined;
}

/** An account's line for one of its containers: says which container id the name means. */
export interface DirectoryRow {
  readonly containerId: Id;
  readonly createdAt: Micros;
  /** `creating` until the container's own row exists; whoever meets it may finish it. */
  readonly state: 'creating' | 'ready';
  readonly policy: string;
  /** Only while `creating`: what whoever finishes the creation needs to know. */
  readonly intent?: ContainerIntent | undefined;
}

/** How a container shall begin. */
export interface ContainerIntent {
  /** S3: the name must be free everywhere. Swift: claimed if it is free and a valid bucket name. */
  readonly claimName: 'required' | 'if-free';
  readonly settings: Metadata;
  readonly versioning: Versioning;
  readonly lock?: ContainerLock | undefined;
}

/** Who owns a bucket name across all accounts. */
export interface BucketNameRow {
  readonly account: string;
  readonly containerId: Id;
}

/** `off` = never enabled (S3 "unversioned"). */
export type Versioning = 'off' | 'enabled' | 'suspended';

/** A container's state, in its home shard: what commits on its objects depend on. */
export interface ContainerRow {
  readonly account: string;
  readonly name: string;
  /** `deleted` is a tombstone: a slow helper of its creation must not revive it. */
  readonly state: 'live' | 'deleted';
  /** A tombstone whose container never lived. */
  readonly abandoned?: boolean | undefined;
  readonly createdAt: Micros;
  /** Last change of the container's own settings (not of its objects). */
  readonly modifiedAt: Micros;
  readonly policy: string;
  readonly versioning: Versioning;
  /** Undefined: its versions cannot be locked. */
  readonly lock?: ContainerLock | undefined;
  /** Door-made settings and metadata (Swift X-Container-Meta-*: `meta:<name>`; ACLs: `read`, `write`; S3 sub-resources: `s3:<name>`). Core does not interpret unknown ones. */
  readonly settings: Metadata;
  /** Who is told of its commits (decision 0022); absent when nobody is. */
  readonly feeds?: readonly Feed[] | undefined;
  /** What is done with its objects as they age; undefined: nothing. */
  readonly lifecycle?: Lifecycle | undefined;
  /** Which names lie under this id; undefined: all of them (pieces/piece.ts). */
  readonly piece?: Piece | undefined;
}

/** One rule of a container by which somebody follows its commits. */
export interface Feed {
  /** `feedIdOf` of container, purpose and rule: what waits stays its own when the rule is written again. */
  readonly id: Id;
  /** Of a piece that is not the first one: the id of the same rule's feed there (feed/mark.ts). */
  readonly of?: Id | undefined;
  readonly purpose: 'notification' | 'replication' | 'sync';
  /** A target's name in this server's settings. */
  readonly target: string;
  /** The rule's name in the door's document. */
  readonly rule: string;
  readonly events: readonly ObjectEvent[];
  /** '' for any. */
  readonly prefix: string;
  readonly suffix: string;
  /** `key=value` pieces, encoded as in `system[TAGS]`, that the object must all have. */
  readonly tags?: readonly string[] | undefined;
  /** Of the feeds that match and share this, only the one with the highest priority is told. */
  readonly group?: string | undefined;
  readonly priority?: number | undefined;
  /** Replication: the bucket at the target, and the storage class that replicas get there. */
  readonly destination?:
    | { readonly container: string; readonly storageClass?: string | undefined }
    | undefined;
}

/** Sums kept in the same commit as the rows they count. */
export interface UsageRow {
  /** Current objects (no delete markers). */
  readonly objects: number;
  /** Bytes of current objects. */
  readonly bytes: number;
  /** All versions and delete markers, current ones included: a container is empty when this and `uploads` are 0. */
  readonly versions: number;
  readonly versionBytes: number;
  /** Open multipart uploads. */
  readonly uploads: number;
  /** They are one piece's: the container has others. */
  readonly isPart?: true | undefined;
}

export interface AccountSums {
  readonly containers: number;
  /** Current objects. */
  readonly objects: number;
  /** Of all versions. */
  readonly bytes: number;
}

/** One account's sums over the containers of one shard. */
export interface AccountUsageRow extends AccountSums {
  /** The same by the containers' policies; sums of before there were several are in none. */
  readonly policies?: Readonly<Record<string, AccountSums>> | undefined;
  /** Of sums that came with a shard which is no more: an id that came with it. They are still to be added to the others. */
  readonly home?: Id | undefined;
}

/** Bytes stored as fragments. */
export interface StoredBody {
  /** Names the fragments; fresh and random for every upload. */
  readonly objectId: Id;
  readonly policy: string;
  /** Where the ring puts it; kept so that a later rename or ring needs no recomputation. */
  readonly partition: number;
  /** Version of the ring by which it was written; absent in bodies from before rings changed. */
  readonly ring?: number | undefined;
  readonly size: number;
  readonly stripeBytes: number;
  /** Fragment indexes that were not synced when the write was acknowledged: the repair queue's. Usually empty. */
  readonly missing: readonly number[];
}

/** Where a version's bytes are. With a `salt` (base64) they are sealed under the object's key (encryption/sealed-body.ts), and `stored.size` counts sealed bytes. */
export type BodyRef =
  | { readonly type: 'empty' }
  /** In the row itself (at most `limits.inlineBytes`, and the tag of a sealed one). */
  | { readonly type: 'inline'; readonly salt?: string | undefined }
  | { readonly type: 'stored'; readonly stored: StoredBody; readonly salt?: string | undefined }
  /** The parts of this completed upload, in `PartRow`s beside the key. */
  | { readonly type: 'parts'; readonly uploadId: Id; readonly runs: readonly PartRun[] };

/** `count` consecutive part numbers from `first`, each of `size` bytes: a compact manifest. */
export interface PartRun {
  readonly first: number;
  readonly count: number;
  readonly size: number;
}

/** An object's own key, wrapped (docs/format/encryption.md), by whose key wraps it. Byte strings in base64. */
export type Encryption = { readonly format: 1; readonly wrapped: string } & (
  | { readonly by: 'key-ring'; readonly keyId: string }
  /** The client's, which is kept nowhere. */
  | { readonly by: 'customer' }
  | ServiceEncryption
);

export interface ServiceEncryption {
  readonly by: 'key-service';
  readonly keyId: string;
  /** The key's name as replies show it. */
  readonly shownKeyId: string;
  readonly context: Readonly<Record<string, string>>;
  /** Present: `wrapped` is under this key, and the key service wrapped this one. */
  readonly bucketKey?: string | undefined;
}

/** A readable copy of an archived version. */
export type Restore =
  | { readonly state: 'ongoing'; readonly days: number }
  /** `until` in milliseconds. Without a body the version's own is read. */
  | { readonly state: 'done'; readonly until: number; readonly body?: BodyRef | undefined };

/** One version of an object, or a delete marker. */
export interface VersionRow {
  readonly kind: 'object' | 'delete-marker';
  /** The commit's stamp: also the version id (`versionIdOf`). Unique within a container. */
  readonly version: Micros;
  /** Written while versioning was not enabled: S3 calls its id `null`. */
  readonly isNull: boolean;
  /** When clients see it last changed; moves with a Swift POST; `originAt` where there is one; equals `version` otherwise. */
  readonly modifiedAt: Micros;
  /** When it was changed last in the container of another store that it comes from (Swift's container sync); gone when it is changed here. */
  readonly originAt?: Micros | undefined;
  readonly size: number;
  /** Without quotes: hex MD5, or `<hex>-<parts>` for an object of parts. Empty for a delete marker. */
  readonly etag: string;
  readonly contentType: string;
  /** cache-control, content-disposition, content-encoding, content-language, expires; and door-made ones with a `:` in their name (`s3:storage-class`, `swift:object-manifest`). */
  readonly system: Metadata;
  /** S3 x-amz-meta-*, Swift X-Object-Meta-*: names without the prefix, lower case. Values are Unicode strings. */
  readonly user: Metadata;
  readonly checksums: readonly Checksum[];
  /** Undefined: none of its own. The policy that the bytes are under is in `body`. */
  readonly storageClass?: string | undefined;
  readonly body: BodyRef;
  /** The object stands for another one; it has no bytes of its own. */
  readonly link?: Link | undefined;
  /** Who keeps the key of its bytes, parts included; absent: they are plain. */
  readonly encryption?: Encryption | undefined;
  /** A static large object (decision 0025): `body` holds its document; `size` and `etag` are those of the whole. */
  readonly manifest?: ManifestNote | undefined;
  /** Milliseconds since 1970 after which it must not be served; undefined: never. */
  readonly expiresAt?: number | undefined;
  readonly lock?: ObjectLock | undefined;
  /** When it ceased to be current, where its successor's stamp does not tell: that was promoted (decision 0027), or took the place of another. */
  readonly noncurrentSince?: Micros | undefined;
  /** Of an archived version: a readable copy, on its way or there for a time. */
  readonly restore?: Restore | undefined;
  /** It got this name by a renaming that its client may repeat. */
  readonly renamed?: { readonly token: string; readonly source: string } | undefined;
  /** Links of the key's chain of versions, kept by decide/version-chain.ts (decision 0005). The next older one, by its stamp. */
  readonly older?: Micros | undefined;
  /** The next newer one; undefined in the newest. */
  readonly newer?: Micros | undefined;
  /** Only in the newest version: the stamp of a noncurrent null version. */
  readonly nullVersion?: Micros | undefined;
  /** Only where a replication rule met it, or where it came from one (decision 0023). */
  readonly replication?: Replication | undefined;
  /** Only in a current version that is older than others (`object.promote`): the versions between which its stamp lies. */
  readonly place?: ChainPlace | undefined;
  /** A delete marker that nobody made and nobody sees: the key has versions, none of which is current (Swift's deletion of the current version). It counts as no version. */
  readonly isGap?: true | undefined;
}

export interface Replication {
  readonly status: 'pending' | 'completed' | 'failed' | 'replica';
  /** Feeds whose target has not got it. */
  readonly waiting?: readonly Id[] | undefined;
  /** Feeds whose target refused it, and may take it later. */
  readonly refused?: readonly Id[] | undefined;
  /** By feed: the name that the target gave this version. */
  readonly replicas?: Readonly<Record<Id, string>> | undefined;
}

/** Where a version stands among the others, by their stamps. */
export interface ChainPlace {
  readonly newer: Micros;
  readonly older?: Micros | undefined;
}

/** What is known of a static large object's document without reading it. */
export interface ManifestNote {
  readonly size: number;
  /** Hex MD5. */
  readonly etag: string;
}

/** When somebody changed it last, wherever that was. A renamed object keeps its date, but the change of its name counts. */
export function lastChangeOf(row: Pick<VersionRow, 'modifiedAt' | 'originAt' | 'version'>): Micros {
  const { originAt, modifiedAt, version } = row;
  return originAt ?? (version > modifiedAt ? version : modifiedAt);
}

/** The etag of a large object as Swift and manifests have it: without the number of parts that S3 shows behind it. */
export function bareEtag(etag: string): string {
  return etag.replace(/-\d+$/, '');
}

/** What a version counts with in all sums: the parts of a static large object are counted where they are. */
export function ownBytes(row: Pick<VersionRow, 'size' | 'manifest'>): number {
  return row.manifest?.size ?? row.size;
}

/** An open, or recently completed, multipart upload. */
export interface UploadRow {
  readonly uploadId: Id;
  readonly startedAt: Micros;
  readonly contentType: string;
  readonly system: Metadata;
  readonly user: Metadata;
  /** What the client announced at Create; undefined when it did not. */
  readonly checksum?:
    | { readonly algorithm: ChecksumAlgorithm; readonly type: ChecksumType }
    | undefined;
  readonly storageClass?: string | undefined;
  readonly expiresAt?: number | undefined;
  /** It comes from another store's replication. */
  readonly isReplica?: boolean | undefined;
  /** Its parts are sealed under this key, which the object takes over; absent: they are plain. */
  readonly encryption?: Encryption | undefined;
  /** Of the object that it will be. */
  readonly lock?: ObjectLock | undefined;
  /** Set when completed: makes a repeated Complete answer the same. Such an upload is no longer listed. */
  readonly completed?: CompletedUpload | undefined;
}

/** What the answer to a repeated Complete is made of. */
export interface CompletedUpload {
  readonly etag: string;
  readonly version: Micros;
  readonly isNull: boolean;
  readonly size: number;
  readonly checksums: readonly Checksum[];
  readonly replaced: boolean;
}

/** One part of an upload (and, after Complete, of the object). */
export interface PartRow {
  readonly partNumber: number;
  readonly size: number;
  /** Hex MD5 of the part's bytes. */
  readonly etag: string;
  readonly modifiedAt: Micros;
  readonly checksums: readonly Checksum[];
  readonly body: BodyRef;
}

/** Claims a stored body for a row: what the sweeper and the reconstructor go by. Local to the shard. */
export interface ClaimRow {
  readonly containerId: Id;
  readonly key: string;
  /** `missing` of this copy follows the repairs; the one in the referring row does not. */
  readonly stored: StoredBody;
  /** Where its pending repair stands in the queue: at most one at a time. */
  readonly repair?: { readonly dueAt: number; readonly id: string } | undefined;
}

/** Work that a commit leaves behind. Local to the shard; each is done at least once. */
export type QueueRow =
  /** Fragments to delete once readers of the old row are done. The container: rows of older releases do not say. */
  | { readonly type: 'release'; readonly stored: StoredBody; readonly containerId?: Id }
  /** Part rows of an upload to release: all of them, or those not in `keep`. */
  | {
      readonly type: 'release-parts';
      readonly containerId: Id;
      readonly key: string;
      readonly uploadId: Id;
      readonly keep: readonly PartRun[];
      readonly dropUpload: boolean;
    }
  /** A version that expires. */
  | {
      readonly type: 'expire';
      readonly containerId: Id;
      readonly key: string;
      readonly version: Micros;
    }
  /** Fragments that were missing at the acknowledgement, or found bad since. */
  | { readonly type: 'repair'; readonly objectId: Id; readonly containerId: Id }
  /** A door's report on a container, by its name; void when the container's settings know another token. */
  | {
      readonly type: 'report';
      readonly containerId: Id;
      readonly name: string;
      readonly token: string;
    };

/** Something that a feed waits to tell. Local to the shard, ordered by stamp within its feed. */
export interface EventRow {
  readonly event: ObjectEvent;
  readonly containerId: Id;
  readonly key: string;
  readonly version: Micros;
  readonly isNull: boolean;
  /** Whether clients were shown the version's name. */
  readonly isVersioned: boolean;
  readonly size: number;
  readonly etag: string;
  readonly origin?: EventOrigin | undefined;
  /** How often the target has refused it: not to be told again before its stamp. */
  readonly refusals?: number | undefined;
}

/** Who caused an event, and by which request; absent for what the server does by itself. */
export interface EventOrigin {
  readonly user: string;
  readonly account: string;
  readonly sourceAddress: string;
  readonly requestId: string;
}

/** What waits in one feed. Local to the shard, by target; there only while `pending` or `dropped` is not 0. */
export interface BacklogRow {
  readonly containerId: Id;
  readonly account: string;
  readonly container: string;
  readonly purpose: Feed['purpose'];
  readonly rule: string;
  /** Event rows of this feed. */
  readonly pending: number;
  /** Of those: refused before, and waiting for a later time. */
  readonly retrying?: number | undefined;
  /** Events that were let go: too many waited, too long, or the target refused them for good. */
  readonly dropped: number;
  /** Where the container's piece ended when the first of these was let go: they are about names before it. Undefined: about any name from the piece on. */
  readonly to?: string | undefined;
}

/**
 * What lifecycle has to do at a time (decision 0021). Local to the shard; each is done at least once,
 * and found done where it is repeated. `stamp`: of the commit that wrote the row.
 */
export type DueRow = { readonly containerId: Id; readonly stamp: Micros } & DueTask;

export type DueTask =
  /** Some rule may act on a version of this key. */
  | { readonly type: 'key'; readonly key: string }
  | { readonly type: 'upload'; readonly key: string; readonly uploadId: Id }
  /** The rules have changed: every key of this table, from after `after`, is to be looked at. */
  | {
      readonly type: 'scan';
      readonly table: 'current' | 'version' | 'upload';
      readonly after?: string | undefined;
      /** Within the uploads of that very key. */
      readonly afterUpload?: { readonly startedAt: Micros; readonly uploadId: Id } | undefined;
    }
  /** The version's bytes go under the policy of this class. `stagedId`: upload id for parts that are rewritten. */
  | {
      readonly type: 'transition';
      readonly key: string;
      readonly version: Micros;
      readonly storageClass: string;
      readonly stagedId: Id;
    }
  | {
      readonly type: 'restore';
      readonly key: string;
      readonly version: Micros;
      readonly days: number;
      readonly stagedId: Id;
    }
  /** The readable copy of an archived version has served its time. */
  | { readonly type: 'unrestore'; readonly key: string; readonly version: Micros };

/** The name of a version at both doors: 16 hex digits, or `null`. */
export function versionIdOf(row: Pick<VersionRow, 'version' | 'isNull'>): string {
  return row.isNull ? 'null' : row.version.toString(16).padStart(16, '0');
}

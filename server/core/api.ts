/**
 * What the doors call. One method an operation; each lives in a file of its own (`object/put.ts` …)
 * and `core.ts` joins them. All throw StoreError only. Names are strings of valid UTF-8.
 *
 * Every operation that addresses a container first resolves its name: the caller's account first,
 * then (S3 only: `account` undefined) the owner of the bucket name. Then `access/` decides, unless a
 * permit in the context says that it did.
 */
import type { Micros } from '../../base/units.ts';
import type { ContainerChange } from './container/change.ts';
import type { ObjectEvent } from './feed/events.ts';
import type { ManifestOutcome, PutManifest } from './large/manifest-command.ts';
import type {
  DeleteOutcome,
  MetadataPatch,
  ObjectChange,
  PutOutcome,
  ReadCondition,
  WriteCondition,
} from './commands.ts';
import type { Hasher } from './digest/hasher.ts';
import type { CoreLimits } from './limits.ts';
import type {
  AccountRow,
  AccountUsageRow,
  BodyRef,
  Checksum,
  ChecksumAlgorithm,
  ChecksumType,
  ContainerLock,
  ContainerRow,
  Encryption,
  Id,
  Metadata,
  ObjectLock,
  PartRow,
  UploadRow,
  UsageRow,
  VersionRow,
  Versioning,
} from './model.ts';
import type { Link } from './link.ts';
import type { EncryptionWish, ServiceWish } from './encryption/wish.ts';
import type { RestoreOutcome } from './lifecycle/commands.ts';
import type { RestoreObject } from './lifecycle/restore.ts';
import type { CreatedUpload } from './lifecycle/shown.ts';
import type { Page, PageQuery, PolicyInfo } from './ports.ts';
import type { StorageClass } from './storage-classes.ts';
import type { Demand } from './access/demand.ts';
import type { Permit } from './access/permit.ts';
import type { SigningKey } from './access/signing-keys.ts';
import type { Principal } from './access/principal.ts';
import type { PublicLimits } from './access/rules.ts';
import type { ContainerAddress, ObjectAddress, RangeRequest, RequestContext } from './request.ts';

export type { Principal } from './access/principal.ts';

export interface ContainerInfo {
  readonly containerId: Id;
  readonly row: ContainerRow;
  readonly usage: UsageRow;
}

export interface AccountInfo {
  readonly name: string;
  readonly exists: boolean;
  readonly createdAt: Micros | undefined;
  /** Of Keystone (AccountRow). */
  readonly domain: string | undefined;
  readonly metadata: Metadata;
  /** Door-made, as of the row; not for clients as it is. */
  readonly settings: Metadata;
  readonly usage: AccountUsageRow;
}

/** Bytes coming in. The door has already stripped its framing and checks its own signatures while they pass; it throws from the iterator on any mismatch. */
export interface IncomingBody {
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Declared length, if any: more or fewer bytes is `incomplete-body`. */
  readonly size: number | undefined;
  /** Hex MD5 that the bytes must have (Content-MD5, Swift ETag). */
  readonly md5?: string | undefined;
  /** Hex SHA-256, lower case, that the bytes must have because the request's signature says so: else `digest-mismatch` with detail.isPayload, stated and computed. */
  readonly sha256?: string | undefined;
  /** Algorithms to compute (and store) besides MD5. */
  readonly checksums?: readonly ChecksumAlgorithm[] | undefined;
  /** Called once after the last byte: values (base64) that the client stated, in headers or trailers; a mismatch is `digest-mismatch` with detail.algorithm. */
  readonly expected?:
    | (() => readonly { readonly algorithm: ChecksumAlgorithm; readonly value: string }[])
    | undefined;
}

export interface PutObject extends ObjectAddress {
  readonly body: IncomingBody;
  readonly contentType: string;
  readonly system: Metadata;
  readonly user: Metadata;
  readonly expiresAt?: number | undefined;
  readonly lock?: ObjectLock | undefined;
  /** undefined: as the container. */
  readonly storageClass?: string | undefined;
  readonly condition: WriteCondition;
  /** What feeds are told that it is; by default `created:put`. */
  readonly event?: ObjectEvent | undefined;
  /** It comes from another store's replication, so it is not replicated on. */
  readonly isReplica?: boolean | undefined;
  /** undefined: as the container says. */
  readonly encryption?: EncryptionWish | undefined;
}

/** Of an object under a customer's key: that key, 32 bytes, borrowed for the call. Missing, wrong or useless ones are refused (encryption/failures.ts). */
export interface WithCustomerKey {
  readonly customerKey?: Uint8Array | undefined;
}

/** Whether the caller wants to get past governance retention; it also takes the permission. */
export interface BypassWish {
  readonly bypassGovernance?: boolean | undefined;
}

export interface GetObject extends ObjectAddress, WithCustomerKey {
  /** `null` or 16 hex digits; undefined: the current version. */
  readonly versionId?: string | undefined;
  readonly partNumber?: number | undefined;
  readonly condition: ReadCondition;
  /** True for HEAD: the inline body is not fetched beforehand (`read` still works). */
  readonly metadataOnly?: boolean | undefined;
  /** What is shown tells nothing of its bytes (tags, ACL), or what listings tell too: no key is asked for unless `read` is called after all. */
  readonly rowOnly?: boolean | undefined;
  /** Its own bytes are wanted: of a static large object the document, of a dynamic one what was written beside it. */
  readonly asManifest?: boolean | undefined;
  /** An object that has expired and is still there counts as there. */
  readonly allowExpired?: boolean | undefined;
  /** Where the object is a link. Default `follow`: what it names, through up to `limits.maxLinks` links. `keep`: the link itself. */
  readonly links?: 'follow' | 'follow-static' | 'keep' | undefined;
}

/** Where a link leads. */
export interface LinkTarget {
  readonly account: string;
  readonly container: string;
  readonly key: string;
}

export interface PutLink extends ObjectAddress {
  readonly link: Omit<Link, 'bytes'>;
  /** undefined: that of what a static link names. */
  readonly contentType: string | undefined;
  readonly system: Metadata;
  readonly user: Metadata;
  readonly expiresAt?: number | undefined;
  readonly condition: WriteCondition;
}

/** A part as seen by `partNumber` requests. */
export interface PartView {
  readonly partNumber: number;
  readonly partsCount: number | undefined;
  readonly start: number;
  readonly end: number;
  readonly checksums: readonly Checksum[];
}

/** Some of the parts that an object was made of. */
export interface PartPage {
  /** Of all parts of the object. */
  readonly count: number;
  /** `body` is `empty` where the part is another object. */
  readonly parts: readonly PartRow[];
  readonly truncated: boolean;
}

/** A version ready to be read. `read` may be called several times (multi-range). */
export interface ObjectReader {
  /** Of what is read, of a large object with the etag and size of the whole or of its document; its version id is that of the object which was asked for, also where that is a link. */
  readonly row: VersionRow;
  /** Made of other objects (decision 0025). */
  readonly large: 'static' | 'dynamic' | undefined;
  /** False: more bytes follow than the row's size says, and nobody knows how many (a dynamic large object of too many parts). */
  readonly hasLength: boolean;
  /** The one that was asked for. */
  readonly container: ContainerRow;
  /** Where the links led that were followed, and what stands there. */
  readonly target?: (LinkTarget & { readonly row: VersionRow }) | undefined;
  readonly part: PartView | undefined;
  /**
   * Bytes [start, end), verified; the consumer owns each chunk. A stored body that cannot be made whole throws: the door must then cut the connection.
   * A part of a large object that is gone, forbidden or changed throws `conflict` with detail `segment`.
   */
  read(start: number, end: number): AsyncIterable<Uint8Array>;
  /** `range-not-satisfiable` with detail `partsCount` when there is no such part; an object that has none is its own first. */
  viewPart(partNumber: number): Promise<PartView>;
  /** Parts with numbers greater than `after`, in order; undefined when it has none. */
  parts(after: number, limit: number): Promise<PartPage | undefined>;
}

export interface CopyObject {
  /** Of a link that is copied as one: the account of what it names. */
  readonly linkAccount?: string | undefined;
  readonly source: ObjectAddress &
    Pick<GetObject, 'versionId' | 'links' | 'partNumber' | 'asManifest' | 'allowExpired'> &
    WithCustomerKey;
  readonly sourceCondition: ReadCondition;
  /** Only these bytes (Swift COPY with Range, UploadPartCopy); judged against the size by the caller's `pick`. */
  readonly range?: RangeRequest | undefined;
  readonly target: ObjectAddress;
  /** Of the new object; undefined: as its container. */
  readonly storageClass?: string | undefined;
  readonly condition: WriteCondition;
  /** Of the new object; nothing is taken over from the source. */
  readonly encryption?: EncryptionWish | undefined;
  /** Called with the source's row: what the new object carries. Throws to refuse. */
  readonly describe: (source: VersionRow) => CopyDescription | Promise<CopyDescription>;
}

/** What a copy carries beside its bytes. */
export interface CopyDescription {
  readonly contentType: string;
  readonly system: Metadata;
  readonly user: Metadata;
  readonly expiresAt?: number | undefined;
  readonly lock?: ObjectLock | undefined;
  /** undefined: the algorithms that the source has. */
  readonly checksums?: readonly ChecksumAlgorithm[] | undefined;
}

export interface AppendObject extends PutObject {
  /** The size that the object must have. */
  readonly offset: number;
}

export interface RenameObject extends ObjectAddress {
  /** Name of the object that gets this address. */
  readonly source: string;
  readonly sourceCondition: ReadCondition;
  readonly condition: WriteCondition;
  /** A repetition with the same token succeeds again; `invalid-argument` (argument `token`) when it names another source. */
  readonly token?: string | undefined;
}

export interface UploadAddress extends ObjectAddress {
  readonly uploadId: Id;
}

export interface CreateUpload extends ObjectAddress {
  readonly contentType: string;
  readonly system: Metadata;
  readonly user: Metadata;
  readonly checksum?:
    | { readonly algorithm: ChecksumAlgorithm; readonly type: ChecksumType }
    | undefined;
  readonly storageClass?: string | undefined;
  readonly expiresAt?: number | undefined;
  readonly isReplica?: boolean | undefined;
  /** Of all its parts. */
  readonly encryption?: EncryptionWish | undefined;
  /** Of the object that it will be. */
  readonly lock?: ObjectLock | undefined;
}

/** A customer's key is asked for only where the upload announced a checksum, as Amazon does. */
export interface CompleteUpload extends UploadAddress, WithCustomerKey {
  readonly parts: readonly {
    readonly partNumber: number;
    readonly etag: string;
    readonly checksum?: { readonly algorithm: ChecksumAlgorithm; readonly value: string };
  }[];
  readonly checksum?: Checksum | undefined;
  readonly size?: number | undefined;
  readonly condition: WriteCondition;
}

export interface VersionPage {
  /** Rows of current and noncurrent versions, by key, newest first (`reverse`: all of that backwards); `isLatest` beside each. */
  readonly items: readonly (
    | {
        readonly type: 'row';
        readonly name: string;
        readonly row: VersionRow;
        readonly isLatest: boolean;
      }
    | { readonly type: 'group'; readonly name: string }
  )[];
  readonly truncated: boolean;
}

export interface Core {
  /**
   * Decides before anything is done, so that a door reads no body of somebody who may not send it.
   * Every operation decides for itself too, unless the context carries the permit for its place.
   */
  authorise(
    ctx: RequestContext,
    demand: Demand,
  ): Promise<RequestContext & { readonly permit: Permit }>;
  isAllowed(ctx: RequestContext, demand: Demand): Promise<boolean>;
  /** What may be made public at the place of a permit. */
  publicLimits(permit: Permit): Promise<PublicLimits>;
  /** An account's row, whatever the caller may do: for rules of access that stand in it, and nothing else. */
  peekAccount(account: string): Promise<AccountRow | undefined>;
  /** Of what every request asks, whatever the caller may do; up to a second old. Nothing that grants access. */
  accountSettings(account: string): Promise<Metadata>;
  /** For rates that depend on it, whatever the caller may do; 0 where there is no container. */
  countObjects(at: { readonly account: string; readonly container: string }): Promise<number>;
  /** By which signatures of permissions in this container are made: for whoever checks one, and for nothing else. */
  signingKeys(at: {
    readonly account: string;
    readonly container: string;
  }): Promise<readonly SigningKey[]>;
  headAccount(ctx: RequestContext, account: string): Promise<AccountInfo>;
  /** `settings`: door-made ones, which no client sees as metadata. */
  updateAccount(
    ctx: RequestContext,
    account: string,
    metadata: MetadataPatch,
    settings?: MetadataPatch,
  ): Promise<void>;
  /** Containers in name order with their usage. */
  listContainers(
    ctx: RequestContext,
    account: string,
    query: PageQuery,
  ): Promise<Page<ContainerInfo>>;

  /** `name-taken`: another account has the bucket name (only with `claimName`); `created` false when the account had it already. */
  createContainer(
    ctx: RequestContext,
    address: { readonly account: string; readonly container: string },
    options: {
      /** S3: the name must be free everywhere. Swift: claimed if free. */
      readonly claimName: 'required' | 'if-free';
      readonly policy: string | undefined;
      readonly settings: Metadata;
      readonly versioning?: Versioning;
      /** Its versions can be locked: needs `versioning` enabled. */
      readonly lock?: ContainerLock;
    },
  ): Promise<{ readonly created: boolean; readonly info: ContainerInfo }>;
  headContainer(ctx: RequestContext, address: ContainerAddress): Promise<ContainerInfo>;
  /**
   * The row of the container that this bucket name means to `principal`, whatever the caller may
   * do with it: for what stands in it for everybody's use (CORS rules), and for nothing else.
   */
  peekContainer(principal: Principal, container: string): Promise<ContainerRow | undefined>;
  updateContainer(
    ctx: RequestContext,
    address: ContainerAddress,
    change: ContainerChange,
  ): Promise<void>;
  deleteContainer(ctx: RequestContext, address: ContainerAddress): Promise<void>;
  listObjects(
    ctx: RequestContext,
    address: ContainerAddress,
    query: PageQuery,
  ): Promise<{ readonly container: ContainerInfo; readonly page: Page<VersionRow> }>;
  listVersions(
    ctx: RequestContext,
    address: ContainerAddress,
    /** The version ids go with `after` and `before`: they begin a page within a key. */
    query: PageQuery & {
      readonly afterVersionId?: string | undefined;
      readonly beforeVersionId?: string | undefined;
    },
  ): Promise<VersionPage>;
  listUploads(
    ctx: RequestContext,
    address: ContainerAddress,
    query: PageQuery,
  ): Promise<Page<UploadRow>>;

  putObject(ctx: RequestContext, command: PutObject): Promise<PutOutcome>;
  /** Makes an object that stands for another one. `conflict` with detail `link`: a static link, and what it names is not as it says. */
  putLink(ctx: RequestContext, command: PutLink): Promise<PutOutcome>;
  /** Makes a static large object, once every part of it was found as it is claimed to be. */
  putManifest(ctx: RequestContext, command: PutManifest): Promise<ManifestOutcome>;
  /** `no-such-object`, `no-such-version`, `is-delete-marker` (with detail version), … What happens behind a link has detail `link`: the path there; `conflict` with it: the link is broken. */
  openObject(ctx: RequestContext, command: GetObject): Promise<ObjectReader>;
  updateObject(
    ctx: RequestContext,
    address: ObjectAddress & Pick<GetObject, 'versionId' | 'allowExpired'> & BypassWish,
    change: ObjectChange,
    event?: ObjectEvent,
  ): Promise<VersionRow>;
  /** Wraps the object's key anew; its bytes stay. See object/reencrypt.ts. */
  reencryptObject(
    ctx: RequestContext,
    address: ObjectAddress & { readonly versionId?: string | undefined },
    wish: ServiceWish,
  ): Promise<VersionRow>;
  deleteObject(
    ctx: RequestContext,
    command: ObjectAddress & {
      readonly versionId?: string | undefined;
      /** Swift: when the current version goes, no older one takes its place; without versioning no marker is left. */
      readonly leavesGap?: boolean | undefined;
      readonly condition: WriteCondition;
      readonly event?: ObjectEvent | undefined;
      readonly isReplica?: boolean | undefined;
    } & BypassWish,
  ): Promise<DeleteOutcome>;
  /** Makes an older version the current one as it is, with its id. `no-such-version`, `is-delete-marker`. */
  promoteVersion(
    ctx: RequestContext,
    address: ObjectAddress & { readonly versionId: string },
  ): Promise<VersionRow>;
  /** Adds bytes to the current object, or makes it when the offset is 0. `invalid-argument` (argument `offset`, detail size; or `parts`), `not-implemented` where versions would share bytes, `conflict`. */
  appendObject(ctx: RequestContext, command: AppendObject): Promise<PutOutcome>;
  /** Gives the object another name in its container, in one commit. `not-implemented` in a versioned one. */
  renameObject(ctx: RequestContext, command: RenameObject): Promise<PutOutcome>;
  copyObject(
    ctx: RequestContext,
    command: CopyObject,
  ): Promise<PutOutcome & { readonly source: VersionRow }>;

  /** A readable copy of an archived version, for so many days. `invalid-state`, `conflict` (detail `restore`), and as `openObject`. */
  restoreObject(ctx: RequestContext, command: RestoreObject): Promise<RestoreOutcome>;

  /** With what the rules will do if it stays open. */
  createUpload(ctx: RequestContext, command: CreateUpload): Promise<CreatedUpload>;
  headUpload(ctx: RequestContext, address: UploadAddress): Promise<UploadRow>;
  putPart(
    ctx: RequestContext,
    command: UploadAddress &
      WithCustomerKey & { readonly partNumber: number; readonly body: IncomingBody },
  ): Promise<PartRow>;
  copyPart(
    ctx: RequestContext,
    command: UploadAddress &
      WithCustomerKey & {
        readonly partNumber: number;
        readonly source: CopyObject['source'];
        readonly sourceCondition: ReadCondition;
        readonly range?: RangeRequest | undefined;
        /** Where the upload announced none. */
        readonly checksums?: readonly ChecksumAlgorithm[] | undefined;
      },
  ): Promise<
    PartRow & {
      readonly sourceVersion: VersionRow;
      /** Of the upload. */
      readonly encryption: Encryption | undefined;
    }
  >;
  listParts(
    ctx: RequestContext,
    address: UploadAddress,
    after: number,
    limit: number,
  ): Promise<{
    readonly upload: UploadRow;
    readonly parts: readonly PartRow[];
    readonly truncated: boolean;
  }>;
  completeUpload(ctx: RequestContext, command: CompleteUpload): Promise<PutOutcome>;
  abortUpload(ctx: RequestContext, address: UploadAddress): Promise<void>;

  /** For digests that signatures of a dialect need. */
  readonly hasher: Hasher;
  readonly limits: CoreLimits;
  readonly storageClasses: readonly StorageClass[];
  /** Every new object is encrypted (Keys.encryptAll). */
  readonly encryptsAll: boolean;
  /** Nobody may write, except to accounts that are named. */
  readonly isReadOnly: boolean;
  readonly policies: { readonly all: readonly PolicyInfo[]; readonly defaultPolicy: string };
}

/** Where a version's bytes are, and when it may be read: re-exported for the doors. */
export type { BodyRef, CoreLimits, ReadCondition };

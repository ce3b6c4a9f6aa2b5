/** Joins the operations of core into what the doors call. */
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import { KnownAccounts } from './account/known-accounts.ts';
import { headAccount, listContainers, peekAccount, updateAccount } from './account/account.ts';
import { authorise, isAllowed, publicLimits } from './access/demand.ts';
import { neverReadOnly, type ReadOnly } from './access/read-only.ts';
import { signingKeys } from './access/signing-keys.ts';
import { RuleBook } from './access/rule-book.ts';
import type { AccessDialect } from './access/rules.ts';
import type { Core, CoreLimits } from './api.ts';
import type { MetadataLimits } from './commands.ts';
import { ContainerIds } from './container/container-ids.ts';
import { countObjects } from './container/count-objects.ts';
import { createContainer } from './container/create.ts';
import { createBucketKeys } from './encryption/bucket-keys.ts';
import type { Keys } from './encryption/key-ports.ts';
import { type Hasher, localHasher } from './digest/hasher.ts';
import { noKeys } from './encryption/no-keys.ts';
import { deleteContainer } from './container/delete.ts';
import { headContainer } from './container/head.ts';
import { listObjects } from './container/list-objects.ts';
import { listUploads } from './container/list-uploads.ts';
import { listVersions } from './container/list-versions.ts';
import { peekContainer } from './container/peek.ts';
import { updateContainer } from './container/update.ts';
import { putManifest } from './large/put-manifest.ts';
import { defaultLimits } from './limits.ts';
import { defaultMetadataLimits } from './metadata.ts';
import { abortUpload } from './multipart/abort.ts';
import { completeUpload } from './multipart/complete.ts';
import { createUpload } from './multipart/create.ts';
import { headUpload, listParts } from './multipart/list-parts.ts';
import { copyPart, putPart } from './multipart/put-part.ts';
import { appendObject } from './object/edit/append.ts';
import { copyObject } from './object/copy.ts';
import { deleteObject } from './object/delete.ts';
import { openObject } from './object/open.ts';
import { promoteVersion } from './object/promote.ts';
import { putLink } from './object/put-link.ts';
import { putObject } from './object/put.ts';
import { reencryptObject } from './object/reencrypt.ts';
import { restoreObject } from './lifecycle/restore.ts';
import { renameObject } from './object/edit/rename.ts';
import { updateObject } from './object/update.ts';
import type { BodyStore, RowStore } from './ports.ts';
import type { Services } from './services.ts';
import { checkedClasses, type StorageClass } from './storage-classes.ts';

export interface CoreOptions {
  readonly rows: RowStore;
  readonly bodies: BodyStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly limits?: Partial<CoreLimits>;
  readonly metadataLimits?: MetadataLimits;
  /** Absent: bodies are hashed where they are taken in. */
  readonly hasher?: Hasher;
  /** A commit has left something for feeds to tell (decision 0022). Must not throw. */
  readonly onEvent?: () => void;
  /** Their policies by name or alias; absent: none beside the containers' own policies. */
  readonly storageClasses?: readonly StorageClass[];
  /** Absent: nothing can be encrypted. */
  readonly keys?: Keys;
  /** Absent: everything may be written. */
  readonly readOnly?: ReadOnly | undefined;
  /** The languages in which rules of access stand in rows: a server that serves both doors names both. */
  readonly dialects?: readonly AccessDialect[];
}

export function createCore(options: CoreOptions): Core {
  const { rows, bodies, clock, random, logger, onEvent } = options;
  const limits = { ...defaultLimits, ...options.limits };
  const metadataLimits = options.metadataLimits ?? defaultMetadataLimits;
  const containerIds = new ContainerIds();
  const keys = options.keys ?? noKeys;
  const hasher = options.hasher ?? localHasher;
  const bucketKeys = createBucketKeys(clock);
  const storageClasses = checkedClasses(options.storageClasses ?? [], bodies.policies);
  const ports = { rows, bodies, clock, random, logger, hasher, onEvent, storageClasses };
  const ruleBook = new RuleBook(options.dialects ?? []);
  const knownAccounts = new KnownAccounts();
  const readOnly = options.readOnly ?? neverReadOnly;
  const kept = { containerIds, keys, bucketKeys, ruleBook, knownAccounts, readOnly };
  const s: Services = { ...ports, limits, metadataLimits, ...kept };
  return {
    hasher,
    limits,
    isReadOnly: readOnly.all,
    get encryptsAll() {
      return keys.encryptAll;
    },
    policies: { all: bodies.policies, defaultPolicy: bodies.defaultPolicy },
    storageClasses,
    authorise: (ctx, demand) => authorise(s, ctx, demand),
    signingKeys: (at) => signingKeys(s, at),
    accountSettings: async (account) => (await knownAccounts.of(s, account)).settings,
    countObjects: (at) => countObjects(s, at),
    isAllowed: (ctx, demand) => isAllowed(s, ctx, demand),
    publicLimits: (permit) => publicLimits(s, permit),
    peekAccount: (account) => peekAccount(s, account),
    headAccount: (ctx, account) => headAccount(s, ctx, account),
    updateAccount: (ctx, account, metadata, settings = {}) =>
      updateAccount(s, ctx, { account, metadata, settings }),
    listContainers: (ctx, account, query) => listContainers(s, ctx, { account, query }),
    createContainer: (ctx, address, wanted) => createContainer(s, ctx, address, wanted),
    headContainer: (ctx, address) => headContainer(s, ctx, address),
    peekContainer: (principal, container) => peekContainer(s, principal, container),
    updateContainer: (ctx, address, change) => updateContainer(s, ctx, address, change),
    deleteContainer: (ctx, address) => deleteContainer(s, ctx, address),
    listObjects: (ctx, address, query) => listObjects(s, ctx, address, query),
    listVersions: (ctx, address, query) => listVersions(s, ctx, { address, query }),
    listUploads: (ctx, address, query) => listUploads(s, ctx, address, query),
    putObject: (ctx, command) => putObject(s, ctx, command),
    putLink: (ctx, command) => putLink(s, ctx, command),
    putManifest: (ctx, command) => putManifest(s, ctx, command),
    openObject: (ctx, command) => openObject(s, ctx, command),
    updateObject: (ctx, address, change, event) => updateObject(s, ctx, { address, change, event }),
    reencryptObject: (ctx, address, wish) => reencryptObject(s, ctx, { address, wish }),
    deleteObject: (ctx, command) => deleteObject(s, ctx, command),
    promoteVersion: (ctx, address) => promoteVersion(s, ctx, address),
    appendObject: (ctx, command) => appendObject(s, ctx, command),
    renameObject: (ctx, command) => renameObject(s, ctx, command),
    copyObject: (ctx, command) => copyObject(s, ctx, command),
    restoreObject: (ctx, command) => restoreObject(s, ctx, command),
    createUpload: (ctx, command) => createUpload(s, ctx, command),
    headUpload: (ctx, address) => headUpload(s, ctx, address),
    putPart: (ctx, command) => putPart(s, ctx, command),
    copyPart: (ctx, command) => copyPart(s, ctx, command),
    listParts: (ctx, address, after, limit) => listParts(s, ctx, { address, after, limit }),
    completeUpload: (ctx, command) => completeUpload(s, ctx, command),
    abortUpload: (ctx, address) => abortUpload(s, ctx, address),
  };
}

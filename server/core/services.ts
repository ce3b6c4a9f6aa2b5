import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import type { ReadOnly } from './access/read-only.ts';
import type { RuleBook } from './access/rule-book.ts';
import type { KnownAccounts } from './account/known-accounts.ts';
import type { CoreLimits } from './limits.ts';
import type { MetadataLimits } from './commands.ts';
import type { ContainerIds } from './container/container-ids.ts';
import type { Hasher } from './digest/hasher.ts';
import type { BucketKeys } from './encryption/bucket-keys.ts';
import type { Keys } from './encryption/key-ports.ts';
import type { BodyStore, RowStore } from './ports.ts';
import type { StorageClass } from './storage-classes.ts';

/** What every operation of core works with. */
export interface Services {
  readonly rows: RowStore;
  readonly bodies: BodyStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly limits: CoreLimits;
  /** For metadata that clients give to accounts and containers. */
  readonly metadataLimits: MetadataLimits;
  readonly containerIds: ContainerIds;
  readonly storageClasses: readonly StorageClass[];
  readonly hasher: Hasher;
  readonly keys: Keys;
  readonly bucketKeys: BucketKeys;
  /** A commit has left something for feeds to tell. */
  readonly onEvent?: (() => void) | undefined;
  readonly knownAccounts: KnownAccounts;
  readonly readOnly: ReadOnly;
  /** The rules of access that stand in rows. */
  readonly ruleBook: RuleBook;
}

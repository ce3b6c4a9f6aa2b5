/** One schema for the file, the environment and the flags: flags win, then TORC_* variables, then the file, then defaults. */
import { z } from 'zod';
import { StoreError } from '../../base/errors.ts';
import { type LogLevel, logLevels } from '../../base/log.ts';
import type { Principal } from '../core/api.ts';
import { parseScheme } from '../../ring/policy.ts';
import { serviceKeyId } from '../keys/local-key-service.ts';
import type { PolicyChoice } from '../cell/policies.ts';
import type { ClusterWish } from '../cluster/join.ts';
import { nodeRoles } from '../cluster/node-folder.ts';
import type { StorageClass } from '../core/storage-classes.ts';
import type { TargetSettings } from '../feeds/targets/target.ts';
import type { KeystoneSettings } from '../keystone/settings.ts';
import { keystoneSchema } from './keystone.ts';
import type { StatsdSettings } from '../admin/statsd.ts';
import type { ReadOnly } from '../core/access/read-only.ts';
import type { SwiftSettings } from '../swift/settings.ts';
import { type S3Settings, s3Schema } from './s3.ts';
import { swiftSchema } from './swift.ts';
import { replicationSchema, targetSchema } from './targets.ts';
import type { StoreSettings } from '../replication/store-client.ts';

export interface UserSettings {
  readonly account: string;
  readonly user: string;
  /** TempAuth key; absent: no Swift sign-in. */
  readonly key?: string | undefined;
  readonly role: Principal['role'];
  /** Names beside account and user by which rules may mean it; `service` opens service accounts. */
  readonly groups?: readonly string[] | undefined;
  readonly s3Keys: readonly { readonly accessKeyId: string; readonly secretAccessKey: string }[];
  /** S3 Owner ID and DisplayName of the account; derived when absent. */
  readonly canonicalId?: string | undefined;
  readonly displayName?: string | undefined;
  /** Of the account, for grants of S3 that name it so. */
  readonly email?: string | undefined;
}

const address = z.union([
  z.literal('off'),
  z.string().regex(/^(\[[0-9a-fA-F:]+\]|[^:\s]+):\d{1,5}$/, 'must be HOST:PORT or off'),
]);

const roles = ['owner', 'member', 'reader', 'reseller', 'reseller-reader'] as const;

const userSchema = z.strictObject({
  account: z.string().min(1),
  user: z.string().min(1),
  /** TempAuth key; absent: no Swift sign-in. */
  key: z.string().min(1).optional(),
  role: z.enum(roles).default('owner'),
  groups: z.array(z.string().regex(/^[^.,][^,]*$/, 'must not begin with a dot')).optional(),
  s3Keys: z
    .array(z.strictObject({ accessKeyId: z.string().min(1), secretAccessKey: z.string().min(1) }))
    .default([]),
  canonicalId: z.string().min(1).optional(),
  displayName: z.string().min(1).optional(),
  email: z.string().min(3).optional(),
});

/** What Swift allows in a policy's name, and the marks of a scheme. */
const policyName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9:+.-]{0,63}$/, 'is no policy name');

const policySchema = z.strictObject({
  name: policyName,
  /** ec:K+M, replica:N or lrc:K+2+2; it never changes. */
  scheme: z.string(),
  aliases: z.array(policyName).default([]),
  /** New containers that name no policy get this one. */
  default: z.boolean().default(false),
  /** Refuses new containers. */
  deprecated: z.boolean().default(false),
});

const storageClassSchema = z.strictObject({
  name: z.string().regex(/^[A-Z][A-Z0-9_]{0,63}$/, 'is no name of a storage class'),
  /** Name or alias of the policy that its objects are stored under. */
  policy: z.string().min(1),
  /** Objects must be restored before they can be read. */
  archive: z.boolean().default(false),
});

const schema = z.strictObject({
  data: z.string().min(1).default('data'),
  /** Device folders; default: d1 to d6 below the data folder. */
  devices: z.array(z.string().min(1)).optional(),
  /** Scheme of the only policy that needs a name; a new store without it is made as ec:4+2. */
  policy: z.string().optional(),
  /** All storage policies, in place of `policy`. */
  policies: z.array(policySchema).min(1).max(32).optional(),
  /** S3 storage classes beside STANDARD, which is the policy of the bucket. */
  storageClasses: z.array(storageClassSchema).max(32).default([]),
  /** How old a change of metadata may become before fragments alone could bring it back; 0: they never can. */
  metadataBackupSeconds: z.number().int().min(0).max(86_400).default(60),
  /** Length of a day of lifecycle rules. Anything but the default is for tests; what replies tell is by real days. */
  lifecycleDaySeconds: z.number().int().min(1).max(86_400).default(86_400),
  http: address.default('127.0.0.1:8080'),
  https: address.default('127.0.0.1:8443'),
  region: z.string().min(1).default('us-east-1'),
  s3: s3Schema.prefault({}),
  logLevel: z.enum(logLevels).default('info'),
  /** Domains whose sub-domains are bucket names. */
  hostSuffixes: z.array(z.string().min(1)).default(['localhost']),
  /** Domains whose sub-domains are the websites of buckets. */
  websiteSuffixes: z.array(z.string().min(1).toLowerCase()).default([]),
  /** How buckets begin whose CreateBucket says nothing else; the default is Amazon's since April 2023. */
  newBuckets: z
    .strictObject({
      ownership: z
        .enum(['BucketOwnerEnforced', 'BucketOwnerPreferred', 'ObjectWriter', 'none'])
        .default('BucketOwnerEnforced'),
      blockPublicAccess: z.boolean().default(true),
    })
    .prefault({}),
  /** This machine as a node of a cluster. */
  cluster: z
    .strictObject({
      /** A token of `torc cluster token`: the machine joins at its first start. */
      join: z.string().min(1).optional(),
      name: z.string().min(1).optional(),
      role: z.enum(nodeRoles).optional(),
      /** Where other nodes reach it, and where it listens for them: HOST:PORT. */
      address: z.string().min(1).optional(),
      listen: z.string().min(1).optional(),
      region: z.string().min(1).optional(),
      zone: z.string().min(1).optional(),
    })
    .prefault({}),
  users: z.array(userSchema).default([]),
  /** OpenStack's identity service, beside `users`. */
  keystone: keystoneSchema.optional(),
  /** Every new object of every container is encrypted, under the key ring unless it is asked otherwise. */
  encryptAll: z.union([z.boolean(), z.stringbool()]).default(false),
  keyRing: z.enum(['required', 'optional']).default('required'),
  /** Keys of the key service that are made with the store and must be there later. */
  serviceKeys: z.array(z.string().regex(serviceKeyId)).default([]),
  /** Where a customer's key may come without TLS: loopback connections cross no network. */
  customerKeysOverHttp: z.enum(['loopback', 'always', 'never']).default('loopback'),
  /** How long a line of an access log may wait before it is delivered. */
  accessLogSeconds: z.number().int().min(1).max(86_400).default(300),
  /** From one daily inventory to the next; shorter only for tests. */
  inventoryDaySeconds: z.number().int().min(1).max(86_400).default(86_400),
  /** Where buckets may send notifications, by name. */
  targets: z.array(targetSchema).max(64).default([]),
  swift: swiftSchema.prefault({}),
  /** A collector of figures: one datagram a request, in the names of Swift's proxy. */
  statsd: z
    .strictObject({
      host: z.string().min(1),
      port: z.number().int().min(1).max(65_535).default(8125),
      /** Before every name, with a dot between. */
      prefix: z.string().default(''),
    })
    .optional(),
  /** Accounts that nobody may write to for now, through either door. */
  readOnly: z
    .strictObject({
      all: z.boolean().default(false),
      accounts: z.record(z.string().min(1), z.boolean()).default({}),
      allowDeletes: z.boolean().default(false),
    })
    .prefault({}),
  /** Other S3 stores that buckets may be replicated to, by name. */
  replicationTargets: z.array(replicationSchema).max(16).default([]),
});

export interface Settings {
  readonly data: string;
  readonly devices: readonly string[];
  readonly policies: PolicyChoice;
  readonly storageClasses: readonly StorageClass[];
  readonly metadataBackupSeconds: number;
  readonly lifecycleDaySeconds: number;
  readonly http: string;
  readonly https: string;
  readonly region: string;
  readonly s3: S3Settings;
  readonly logLevel: LogLevel;
  readonly hostSuffixes: readonly string[];
  readonly statsd?: StatsdSettings | undefined;
  readonly websiteSuffixes: readonly string[];
  readonly newBuckets: {
    readonly ownership: 'BucketOwnerEnforced' | 'BucketOwnerPreferred' | 'ObjectWriter' | 'none';
    readonly blockPublicAccess: boolean;
  };
  readonly cluster: ClusterWish;
  readonly users: readonly UserSettings[];
  readonly keystone?: KeystoneSettings | undefined;
  readonly encryptAll: boolean;
  readonly keyRing: 'required' | 'optional';
  readonly serviceKeys: readonly string[];
  readonly customerKeysOverHttp: 'loopback' | 'always' | 'never';
  readonly targets: readonly TargetSettings[];
  readonly replicationTargets: readonly StoreSettings[];
  readonly accessLogSeconds: number;
  readonly inventoryDaySeconds: number;
  readonly swift: SwiftSettings;
  readonly readOnly: ReadOnly;
}

/** What the sources may hold: keys of the schema, values not checked yet. */
export type RawSettings = Readonly<Record<string, unknown>>;

const environmentNames: Readonly<Record<string, string>> = {
  TORC_DATA: 'data',
  TORC_DEVICES: 'devices',
  TORC_POLICY: 'policy',
  TORC_HTTP: 'http',
  TORC_HTTPS: 'https',
  TORC_REGION: 'region',
  TORC_LOG_LEVEL: 'logLevel',
  TORC_ENCRYPT_ALL: 'encryptAll',
};

function fromEnvironment(environment: Readonly<Record<string, string | undefined>>): RawSettings {
  const found: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(environment)) {
    if (!name.startsWith('TORC_') || value === undefined) continue;
    const key = environmentNames[name];
    if (key === undefined) throw invalid(`unknown environment variable ${name}`);
    found[key] = key === 'devices' ? value.split(',') : value;
  }
  return found;
}

function invalid(message: string): StoreError {
  return new StoreError('invalid-argument', 'settings', message);
}

/** Throws `invalid-argument` with the name of the key that is unknown or wrong. */
export function loadSettings(sources: {
  readonly file: RawSettings;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly flags: RawSettings;
}): Settings {
  const given = { ...sources.file, ...fromEnvironment(sources.environment), ...sources.flags };
  const parsed = schema.safeParse(given);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const path = issue?.path.join('.') ?? '';
    throw invalid(path === '' ? (issue?.message ?? 'invalid') : `${path}: ${issue?.message ?? ''}`);
  }
  const { policy, policies, storageClasses, ...settings } = parsed.data;
  // They name the queues of what waits.
  const outside = [...settings.targets, ...settings.replicationTargets];
  const names = outside.map((target) => target.name);
  if (new Set(names).size !== names.length) throw invalid('targets: a name is used twice');
  const devices =
    settings.devices ?? [1, 2, 3, 4, 5, 6].map((number) => `${settings.data}/devices/d${number}`);
  if (new Set(devices).size !== devices.length) throw invalid('devices: a folder is named twice');
  return Object.freeze({
    ...settings,
    devices,
    policies: readPolicies(policy, policies),
    storageClasses: readClasses(storageClasses),
  });
}

function readClasses(
  classes: readonly z.infer<typeof storageClassSchema>[],
): readonly StorageClass[] {
  const names = classes.map(({ name }) => name);
  if (new Set(names).size !== names.length) throw invalid('storageClasses: a name is used twice');
  if (names.includes('STANDARD')) {
    throw invalid('storageClasses: STANDARD is the policy of the bucket, whatever that is');
  }
  return classes.map(({ name, policy, archive }) => ({ name, policy, isArchive: archive }));
}

function readPolicies(
  scheme: string | undefined,
  listed: readonly z.infer<typeof policySchema>[] | undefined,
): PolicyChoice {
  if (listed === undefined) {
    if (scheme !== undefined) parseScheme(scheme);
    return { type: 'standard', scheme };
  }
  if (scheme !== undefined) throw invalid('policy: policies are listed, so it says nothing');
  const names = listed
    .flatMap((one) => [one.name, ...one.aliases])
    .map((name) => name.toLowerCase());
  if (new Set(names).size !== names.length) throw invalid('policies: a name is used twice');
  const defaults = listed.filter((one) => one.default);
  if (defaults.length !== 1) throw invalid('policies: exactly one is the default');
  if (defaults[0]?.deprecated === true) throw invalid('policies: the default is deprecated');
  const policies = listed.map((one) => {
    parseScheme(one.scheme);
    const { name, aliases, deprecated } = one;
    return { name, aliases, scheme: one.scheme, isDeprecated: deprecated, isDefault: one.default };
  });
  return { type: 'listed', policies };
}

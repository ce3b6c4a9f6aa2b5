/** The InventoryConfiguration document, and what of it the reports are made by. */
import { toHex } from '../../../base/bytes.ts';
import { isStoreError } from '../../../base/errors.ts';
import { type ConfigurationKind, planOf } from '../bucket/configurations.ts';
import { type Call, bucketOf, bucketRowOf } from '../call.ts';
import { invalidArgument, notImplemented, s3Error } from '../codes.ts';
import { type XmlNode, leafText, malformedXml, onlyChildren, required } from '../xml/reader.ts';
import { nextReportAt } from './schedule.ts';

/** Settings by `<this><id>`. */
export const INVENTORY = 's3:inventory:';

export interface InventoryPlan {
  /** Of this writing of the configuration: a later one makes earlier appointments void. */
  readonly token: string;
  readonly id: string;
  readonly isEnabled: boolean;
  readonly prefix: string;
  readonly hasVersions: boolean;
  readonly frequency: 'daily' | 'weekly';
  readonly fields: readonly string[];
  readonly bucket: string;
  readonly destinationPrefix: string;
}

/** In the order in which reports show them. */
const optionalFields: readonly string[] = [
  'Size',
  'LastModifiedDate',
  'ETag',
  'StorageClass',
  'IsMultipartUploaded',
  'ReplicationStatus',
  'EncryptionStatus',
  'ObjectLockRetainUntilDate',
  'ObjectLockMode',
  'ObjectLockLegalHoldStatus',
  'IntelligentTieringAccessTier',
  'BucketKeyStatus',
  'ChecksumAlgorithm',
];
const unbuiltFields: ReadonlySet<string> = new Set(['ObjectAccessControlList', 'ObjectOwner']);

export const inventoryConfigurations: ConfigurationKind = {
  root: 'InventoryConfiguration',
  list: 'ListInventoryConfigurationsResult',
  setting: INVENTORY,
  accept: async (call, root) => {
    const plan = parse(root, toHex(call.door.random.bytes(8)));
    await checkDestination(call, plan);
    const { containerId } = await call.door.core.headContainer(call.context, bucketOf(call));
    const row = { type: 'report', containerId, name: plan.id, token: plan.token } as const;
    const dueAt = nextReportAt(call.door.clock.now(), plan.frequency, call.door.reportDayMillis);
    const stored: Readonly<Record<string, unknown>> = { ...plan };
    return { plan: stored, later: plan.isEnabled ? [{ dueAt, row }] : [] };
  },
};

export function readPlan(text: string | undefined): InventoryPlan | undefined {
  // Only `accept` writes it.
  return planOf(text) as InventoryPlan | undefined;
}

function parse(root: XmlNode, token: string): InventoryPlan {
  const names = [
    'Id',
    'IsEnabled',
    'IncludedObjectVersions',
    'Destination',
    'Schedule',
    'Filter',
    'OptionalFields',
  ];
  const [id, enabled, versions, destination, schedule, filter, fields] = onlyChildren(root, names);
  const [frequency] = onlyChildren(required(schedule), ['Frequency']);
  const [prefix] = filter === undefined ? [] : onlyChildren(filter, ['Prefix']);
  return {
    token,
    id: leafText(required(id)),
    isEnabled: oneOf(leafText(required(enabled)), { true: true, false: false }),
    prefix: prefix === undefined ? '' : leafText(prefix),
    hasVersions: oneOf(leafText(required(versions)), { All: true, Current: false }),
    frequency: oneOf(leafText(required(frequency)), { Daily: 'daily', Weekly: 'weekly' }),
    fields: fields === undefined ? [] : parseFields(fields),
    ...parseDestination(required(destination)),
  };
}

function oneOf<T>(text: string, meanings: Readonly<Record<string, T>>): T {
  const found = Object.entries(meanings).find(([word]) => word === text.trim());
  if (found === undefined) throw malformedXml();
  return found[1];
}

function parseFields(node: XmlNode): readonly string[] {
  if (node.children.some((child) => child.name !== 'Field')) throw malformedXml();
  const asked = new Set(node.children.map((child) => leafText(child).trim()));
  for (const name of asked) {
    if (unbuiltFields.has(name)) throw notImplemented(name);
    if (!optionalFields.includes(name)) throw malformedXml();
  }
  return optionalFields.filter((name) => asked.has(name));
}

function parseDestination(node: XmlNode): Pick<InventoryPlan, 'bucket' | 'destinationPrefix'> {
  const [inner] = onlyChildren(node, ['S3BucketDestination']);
  const names = ['AccountId', 'Bucket', 'Format', 'Prefix', 'Encryption'];
  const [, bucket, format, prefix, encryption] = onlyChildren(required(inner), names);
  if (encryption !== undefined) throw notImplemented('Encryption');
  const kind = oneOf(leafText(required(format)), { CSV: 'CSV', ORC: 'ORC', Parquet: 'Parquet' });
  if (kind !== 'CSV') throw notImplemented(kind);
  const arn = leafText(required(bucket)).trim();
  const name = /^arn:[^:\s]+:s3:::([^:/\s]+)$/.exec(arn)?.[1];
  if (name === undefined) throw invalidArgument('Bucket', arn, 'Invalid bucket ARN.');
  return { bucket: name, destinationPrefix: prefix === undefined ? '' : leafText(prefix) };
}

/** Reports stay within the account; the caller must be one who may write them there. */
async function checkDestination(call: Call, plan: InventoryPlan): Promise<void> {
  const { core } = call.door;
  const target = await core.peekContainer(call.context.principal, plan.bucket);
  const message = 'The S3 bucket of the destination is not there, or is not yours to write to.';
  if (target === undefined || target.account !== bucketRowOf(call).account) {
    throw s3Error('InvalidS3DestinationBucket', message);
  }
  const address = { account: undefined, container: plan.bucket, key: `${plan.destinationPrefix}/` };
  try {
    // As another request than the one that was let in: that one is about the source.
    const { permit: _, ...context } = call.context;
    await core.authorise(context, { address, actions: ['object.write'] });
  } catch (error) {
    if (!isStoreError(error, 'access-denied')) throw error;
    throw s3Error('InvalidS3DestinationBucket', message);
  }
}

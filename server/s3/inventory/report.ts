/** One inventory: a gzipped CSV of a bucket's objects, and the manifest that says it is complete ("Amazon S3 Inventory list"). */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import { toHex } from '../../../base/bytes.ts';
import type { Clock } from '../../../base/clock.ts';
import type { Random } from '../../../base/random.ts';
import type { Core } from '../../core/api.ts';
import type { RequestContext } from '../../core/request.ts';
import { type ContainerRow, type VersionRow, versionIdOf } from '../../core/model.ts';
import { encodeStrictly } from '../auth/canonical.ts';
import { shownClass } from '../lifecycle/storage-class.ts';
import { INVENTORY, type InventoryPlan, readPlan } from './configuration.ts';
import { nextReportAt } from './schedule.ts';

export interface ReportParts {
  readonly core: Core;
  readonly clock: Clock;
  readonly random: Random;
  readonly dayMillis: number;
}

/** What was agreed when the configuration was written. */
export interface Appointment {
  readonly container: ContainerRow;
  readonly name: string;
  readonly token: string;
}

interface Listed {
  readonly key: string;
  readonly row: VersionRow;
  readonly isLatest: boolean;
}

const PAGE_ROWS = 1000;

/** Writes the report; resolves with when the next one is due, or undefined when there is to be none. */
export async function writeInventory(
  parts: ReportParts,
  due: Appointment,
): Promise<number | undefined> {
  const { container } = due;
  const plan = readPlan(container.settings[INVENTORY + due.name]);
  if (container.state !== 'live' || plan?.isEnabled !== true || plan.token !== due.token) {
    return undefined;
  }
  const { account } = container;
  const context: RequestContext = {
    principal: { type: 'user', account, user: 'inventory', role: 'owner' },
  };
  const now = parts.clock.now();
  const slash = plan.destinationPrefix === '' ? '' : `${plan.destinationPrefix}/`;
  const folder = `${slash}${container.name}/${plan.id}`;
  const put = putter(parts.core, context, account, plan.bucket);
  const unique = toHex(parts.random.bytes(16));
  const dataKey = `${folder}/data/${unique}.csv.gz`;
  const csv = Readable.from(csvChunks(parts.core, context, container, plan), { objectMode: false });
  const zipped: AsyncIterable<Uint8Array> = csv.pipe(createGzip());
  csv.once('error', (error) => {
    if (zipped instanceof Readable) zipped.destroy(error);
  });
  const data = await put(dataKey, zipped, 'application/octet-stream');
  const manifest = manifestOf(container, plan, now, { key: dataKey, ...data });
  const stamp = `${new Date(now).toISOString().slice(0, 16).replace(':', '-')}Z`;
  await put(`${folder}/${stamp}/manifest.json`, one(manifest), 'application/json');
  const digest = createHash('md5').update(manifest).digest('hex');
  await put(`${folder}/${stamp}/manifest.checksum`, one(digest), 'text/plain');
  return nextReportAt(now, plan.frequency, parts.dayMillis);
}

function putter(core: Core, context: RequestContext, account: string, container: string) {
  return async (
    key: string,
    chunks: AsyncIterable<Uint8Array>,
    contentType: string,
  ): Promise<{ readonly size: number; readonly md5: string }> => {
    const outcome = await core.putObject(context, {
      ...{ account, container, key, contentType, system: {}, user: {}, condition: {} },
      body: { chunks, size: undefined },
    });
    return { size: outcome.row.size, md5: outcome.row.etag };
  };
}

async function* one(text: string): AsyncGenerator<Uint8Array> {
  await Promise.resolve();
  yield Buffer.from(text, 'utf8');
}

function columnsOf(plan: InventoryPlan): readonly string[] {
  const versions = plan.hasVersions ? ['VersionId', 'IsLatest', 'IsDeleteMarker'] : [];
  return ['Bucket', 'Key', ...versions, ...plan.fields];
}

function manifestOf(
  container: ContainerRow,
  plan: InventoryPlan,
  now: number,
  file: { readonly key: string; readonly size: number; readonly md5: string },
): string {
  return JSON.stringify({
    sourceBucket: container.name,
    destinationBucket: `arn:aws:s3:::${plan.bucket}`,
    version: '2016-11-30',
    creationTimestamp: String(now),
    fileFormat: 'CSV',
    fileSchema: columnsOf(plan).join(', '),
    files: [{ key: file.key, size: file.size, MD5checksum: file.md5 }],
  });
}

/** One chunk a page: a page of a thousand rows is some 200 KB. */
async function* csvChunks(
  core: Core,
  context: RequestContext,
  container: ContainerRow,
  plan: InventoryPlan,
): AsyncGenerator<Buffer> {
  const columns = columnsOf(plan);
  for await (const page of pagesOf(core, context, container, plan)) {
    const lines = page.map((listed) =>
      columns.map((column) => `"${valueOf(column, container, listed)}"`).join(','),
    );
    if (lines.length > 0) yield Buffer.from(`${lines.join('\n')}\n`, 'utf8');
  }
}

async function* pagesOf(
  core: Core,
  context: RequestContext,
  { account, name }: ContainerRow,
  plan: InventoryPlan,
): AsyncGenerator<readonly Listed[]> {
  const address = { account, container: name };
  const { prefix } = plan;
  const whole = { prefix, delimiter: '', before: undefined, reverse: false, limit: PAGE_ROWS };
  let after: string | undefined;
  let afterVersionId: string | undefined;
  for (;;) {
    const query = { ...whole, after, afterVersionId };
    const page = plan.hasVersions
      ? await core.listVersions(context, address, query)
      : (await core.listObjects(context, address, query)).page;
    const rows = page.items.flatMap((item): readonly Listed[] => {
      if (item.type === 'group') return [];
      const isLatest = 'isLatest' in item ? item.isLatest === true : true;
      return [{ key: item.name, row: item.row, isLatest }];
    });
    yield rows;
    const last = rows.at(-1);
    if (!page.truncated || last === undefined) return;
    after = last.key;
    afterVersionId = plan.hasVersions ? versionIdOf(last.row) : undefined;
  }
}

/** Without quotes, commas and line ends: keys are percent-encoded, as Amazon's are. */
function valueOf(column: string, container: ContainerRow, { key, row, isLatest }: Listed): string {
  const isMarker = row.kind === 'delete-marker';
  const always: Readonly<Record<string, () => string>> = {
    Bucket: () => container.name,
    Key: () => encodeStrictly(key).replaceAll('%2F', '/'),
    VersionId: () => (row.isNull ? '' : versionIdOf(row)),
    IsLatest: () => String(isLatest),
    IsDeleteMarker: () => String(isMarker),
    LastModifiedDate: () => new Date(Math.floor(row.modifiedAt / 1000)).toISOString(),
  };
  const value = always[column];
  if (value !== undefined) return value();
  return isMarker ? '' : (ofObject[column]?.(row) ?? '');
}

const encryptions = { 'key-ring': 'SSE-S3', 'key-service': 'SSE-KMS', customer: 'SSE-C' } as const;

const ofObject: Readonly<Record<string, (row: VersionRow) => string>> = {
  Size: (row) => String(row.size),
  ETag: (row) => row.etag,
  StorageClass: (row) => shownClass(row),
  IsMultipartUploaded: (row) => String(row.body.type === 'parts'),
  ReplicationStatus: (row) => row.replication?.status.toUpperCase() ?? '',
  EncryptionStatus: (row) =>
    row.encryption === undefined ? 'NOT-SSE' : encryptions[row.encryption.by],
  ObjectLockRetainUntilDate: (row) =>
    row.lock?.retention === undefined ? '' : new Date(row.lock.retention.until).toISOString(),
  ObjectLockMode: (row) => row.lock?.retention?.mode.toUpperCase() ?? '',
  ObjectLockLegalHoldStatus: (row) =>
    row.lock?.legalHold === undefined ? '' : row.lock.legalHold ? 'ON' : 'OFF',
  IntelligentTieringAccessTier: () => '',
  BucketKeyStatus: (row) =>
    row.encryption?.by === 'key-service' && row.encryption.bucketKey !== undefined
      ? 'ENABLED'
      : 'DISABLED',
  ChecksumAlgorithm: (row) =>
    row.checksums.map((checksum) => checksum.algorithm.toUpperCase()).join('|'),
};

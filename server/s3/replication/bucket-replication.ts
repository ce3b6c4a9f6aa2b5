/** GetBucketReplication, PutBucketReplication, DeleteBucketReplication. */
import { toHex } from '../../../base/bytes.ts';
import { isStoreError, toStoreError } from '../../../base/errors.ts';
import type { HttpReply } from '../../http/exchange.ts';
import { type Call, bucketOf, bucketRowOf } from '../call.ts';
import { invalidArgument, s3Error } from '../codes.ts';
import { readRequiredXml } from '../payload/document.ts';
import { xmlReply } from '../xml/reply.ts';
import { xmlDocument } from '../xml/writer.ts';
import {
  REPLICATION,
  type ReplicationDocument,
  destinationOf,
  parseReplication,
  readStoredReplication,
  replicationFeeds,
  replicationMarkup,
} from './configuration.ts';

/** Amazon's bound is 2 MB; a thousand rules of ours take less. */
const MAX_BYTES = 1024 * 1024;

export async function getBucketReplication(call: Call): Promise<HttpReply> {
  const document = readStoredReplication(bucketRowOf(call).settings[REPLICATION]);
  await Promise.resolve();
  if (document === undefined) {
    throw s3Error('ReplicationConfigurationNotFoundError', undefined, { BucketName: call.bucket });
  }
  return xmlReply(xmlDocument('ReplicationConfiguration', replicationMarkup(document)));
}

export async function putBucketReplication(call: Call): Promise<HttpReply> {
  const options = { root: 'ReplicationConfiguration', maxBytes: MAX_BYTES };
  const root = await readRequiredXml(call, options);
  const document = parseReplication(root, () => toHex(call.door.random.bytes(16)));
  if (bucketRowOf(call).versioning !== 'enabled') throw needsVersioning();
  await checkDestinations(call, document);
  await store(call, document);
  return { status: 200, headers: [], body: new Uint8Array(0) };
}

export async function deleteBucketReplication(call: Call): Promise<HttpReply> {
  await store(call, undefined);
  return { status: 204, headers: [] };
}

function needsVersioning(): Error {
  return s3Error(
    'InvalidRequest',
    "Versioning must be 'Enabled' on the bucket to apply a replication configuration",
  );
}

async function store(call: Call, document: ReplicationDocument | undefined): Promise<void> {
  try {
    await call.door.core.updateContainer(call.context, bucketOf(call), {
      settings: { [REPLICATION]: document === undefined ? null : JSON.stringify(document) },
      feeds: replicationFeeds(document),
    });
  } catch (error) {
    // Versioning was suspended since the look at it.
    const isRace = isStoreError(error) && error.detail['argument'] === 'replication';
    throw isRace ? needsVersioning() : error;
  }
}

/** Each must be a versioned bucket of a store that this server knows, and can reach now. */
async function checkDestinations(call: Call, document: ReplicationDocument): Promise<void> {
  const { replication, logger } = call.door;
  for (const arn of new Set(document.rules.map((rule) => rule.bucketArn))) {
    const to = destinationOf(arn);
    if (to === undefined || replication?.has(to.target) !== true) {
      throw invalidArgument('Bucket', arn, 'Invalid bucket ARN, or no such replication target.');
    }
    let found: Awaited<ReturnType<typeof replication.inspect>>;
    try {
      found = await replication.inspect(to.target, to.bucket);
    } catch (thrown) {
      const { kind, message } = toStoreError(thrown, 's3.replication');
      logger.warn(
        { event: 's3.replication-unreached', target: to.target, kind, reason: message },
        'A replication target could not be asked about a bucket.',
      );
      found = 'missing';
    }
    if (found === 'missing') throw s3Error('InvalidRequest', 'Destination bucket must exist.');
    if (found === 'unversioned') {
      throw s3Error('InvalidRequest', 'Destination bucket must have versioning enabled.');
    }
  }
}

/** GetBucketLogging and PutBucketLogging: the BucketLoggingStatus document, and how it is kept. */
import { isOwnerOf } from '../../core/access/principal.ts';
import type { ContainerRow } from '../../core/model.ts';
import type { HttpReply } from '../../http/exchange.ts';
import { requesterPays } from '../bucket/request-payment.ts';
import { type Call, bucketOf, bucketRowOf } from '../call.ts';
import { notImplemented, s3Error } from '../codes.ts';
import { readRequiredXml } from '../payload/document.ts';
import { type XmlNode, leafText, malformedXml, onlyChildren, required } from '../xml/reader.ts';
import { mayDeliver } from './service.ts';
import { xmlReply } from '../xml/reply.ts';
import { element, leaf, xmlDocument } from '../xml/writer.ts';

/** Where it stands in a bucket's settings, as JSON. */
export const LOGGING = 's3:logging';

export interface LoggingRule {
  readonly targetBucket: string;
  readonly targetPrefix: string;
  /** How log objects are named below the prefix; undefined: nothing was said, which means `simple`. */
  readonly format?: 'simple' | 'event-time' | 'delivery-time' | undefined;
}

const MAX_PREFIX_BYTES = 800;

export async function getBucketLogging(call: Call): Promise<HttpReply> {
  const rule = readStoredLogging(bucketRowOf(call));
  await Promise.resolve();
  return xmlReply(xmlDocument('BucketLoggingStatus', rule === undefined ? '' : markup(rule)));
}

/** An empty document ends logging. */
export async function putBucketLogging(call: Call): Promise<HttpReply> {
  const root = await readRequiredXml(call, { root: 'BucketLoggingStatus' });
  const [enabled] = onlyChildren(root, ['LoggingEnabled']);
  const rule = enabled === undefined ? undefined : parseRule(enabled);
  // "You must be the bucket owner", whatever a policy says.
  const { account } = bucketRowOf(call);
  if (!isOwnerOf(call.context.principal, account)) throw s3Error('AccessDenied');
  if (rule !== undefined) await checkTarget(call, rule);
  await call.door.core.updateContainer(call.context, bucketOf(call), {
    settings: { [LOGGING]: rule === undefined ? null : JSON.stringify(rule) },
  });
  return { status: 200, headers: [], body: new Uint8Array(0) };
}

function parseRule(node: XmlNode): LoggingRule {
  const names = ['TargetBucket', 'TargetPrefix', 'TargetGrants', 'TargetObjectKeyFormat'];
  const [bucket, prefix, grants, format] = onlyChildren(node, names);
  // Who may read a log object is the business of its bucket's policy.
  if (grants !== undefined && grants.children.length > 0) throw notImplemented('TargetGrants');
  const targetPrefix = leafText(required(prefix));
  if (Buffer.byteLength(targetPrefix) > MAX_PREFIX_BYTES) {
    throw s3Error('InvalidRequest', 'The TargetPrefix is too long.');
  }
  return {
    targetBucket: leafText(required(bucket)).trim(),
    targetPrefix,
    ...(format === undefined ? {} : { format: parseFormat(format) }),
  };
}

function parseFormat(node: XmlNode): 'simple' | 'event-time' | 'delivery-time' {
  const [simple, partitioned] = onlyChildren(node, ['SimplePrefix', 'PartitionedPrefix']);
  if ((simple === undefined) === (partitioned === undefined)) throw malformedXml();
  if (partitioned === undefined) return 'simple';
  const [source] = onlyChildren(partitioned, ['PartitionDateSource']);
  const word = source === undefined ? 'DeliveryTime' : leafText(source).trim();
  if (word === 'EventTime') return 'event-time';
  if (word === 'DeliveryTime') return 'delivery-time';
  throw malformedXml();
}

/** The target's own policy must let the service of access logs in, from whichever account they come. */
async function checkTarget(call: Call, rule: LoggingRule): Promise<void> {
  const { core, users } = call.door;
  const { account, name: bucket } = bucketRowOf(call);
  const refused = (message: string): Error =>
    s3Error('InvalidTargetBucketForLogging', message, { TargetBucket: rule.targetBucket });
  const target = await core.peekContainer(call.context.principal, rule.targetBucket);
  if (target === undefined) throw refused('The target bucket for logging does not exist');
  if (requesterPays(target)) {
    throw refused('The target bucket for logging must not have Requester Pays enabled.');
  }
  if (target.lock?.defaultRetention !== undefined) {
    throw refused('The target bucket for logging must not have a default retention period.');
  }
  const source = { account, bucket, ownerId: users.ownerOf(account).id };
  if (await mayDeliver(core, source, rule)) return;
  throw s3Error(
    'AccessDenied',
    'The policy of the target bucket does not allow logging.s3.amazonaws.com to put these logs.',
  );
}

export function hasAccessLog(row: Pick<ContainerRow, 'settings'>): boolean {
  return row.settings[LOGGING] !== undefined;
}

export function readStoredLogging(row: Pick<ContainerRow, 'settings'>): LoggingRule | undefined {
  const text = row.settings[LOGGING];
  if (text === undefined) return undefined;
  // Only this door writes it.
  const rule: LoggingRule = JSON.parse(text);
  return rule;
}

function markup(rule: LoggingRule): string {
  const dates = { 'event-time': 'EventTime', 'delivery-time': 'DeliveryTime' } as const;
  const { format } = rule;
  const shown =
    format === undefined
      ? ''
      : element(
          'TargetObjectKeyFormat',
          format === 'simple'
            ? '<SimplePrefix></SimplePrefix>'
            : element('PartitionedPrefix', leaf('PartitionDateSource', dates[format])),
        );
  return element(
    'LoggingEnabled',
    leaf('TargetBucket', rule.targetBucket) + leaf('TargetPrefix', rule.targetPrefix) + shown,
  );
}

/** GetBucketNotificationConfiguration and PutBucketNotificationConfiguration. */
import { toHex } from '../../../base/bytes.ts';
import { toStoreError } from '../../../base/errors.ts';
import type { HttpReply } from '../../http/exchange.ts';
import { type Call, bucketOf } from '../call.ts';
import { s3Error } from '../codes.ts';
import { readRequiredXml } from '../payload/document.ts';
import { xmlReply } from '../xml/reply.ts';
import { xmlDocument } from '../xml/writer.ts';
import {
  NOTIFICATION,
  type NotificationRule,
  feedsOf,
  notificationMarkup,
  parseNotification,
  readStoredNotification,
  targetOf,
} from './configuration.ts';
import { testMessage } from './record.ts';

/** 100 rules of 1 KiB filters, and as much again for the markup. */
const MAX_BYTES = 256 * 1024;

export async function getBucketNotification(call: Call): Promise<HttpReply> {
  const { row } = await call.door.core.headContainer(call.context, bucketOf(call));
  const rules = readStoredNotification(row.settings[NOTIFICATION]);
  return xmlReply(xmlDocument('NotificationConfiguration', notificationMarkup(rules)));
}

/** An empty document ends all notifications. */
export async function putBucketNotification(call: Call): Promise<HttpReply> {
  const options = { root: 'NotificationConfiguration', maxBytes: MAX_BYTES };
  const root = await readRequiredXml(call, options);
  const { core, random } = call.door;
  const rules = parseNotification(root, () => toHex(random.bytes(16)));
  // Nobody may make the server send anything about a bucket that is not theirs.
  await core.headContainer(call.context, bucketOf(call));
  await validateDestinations(call, rules);
  const stored = rules.length === 0 ? null : JSON.stringify(rules);
  await core.updateContainer(call.context, bucketOf(call), {
    settings: { [NOTIFICATION]: stored },
    feeds: feedsOf(rules),
  });
  return { status: 200, headers: [], body: new Uint8Array(0) };
}

/** Each destination must be one of this server's targets and, as at Amazon, take a test event now. */
async function validateDestinations(call: Call, rules: readonly NotificationRule[]): Promise<void> {
  const { targets } = call.door;
  const isSkipped = call.headers.get('x-amz-skip-destination-validation')?.toLowerCase() === 'true';
  for (const arn of new Set(rules.map((rule) => rule.arn))) {
    const name = targetOf(arn);
    if (name === undefined || targets?.has(name) !== true) throw invalidDestination(arn);
    if (isSkipped) continue;
    try {
      await targets.send(name, testMessage(call));
    } catch (thrown) {
      const { kind, message } = toStoreError(thrown, 's3.test-event');
      call.door.logger.warn(
        { event: 's3.target-untested', target: name, kind, reason: message },
        'A target of notifications did not take its test event.',
      );
      throw invalidDestination(arn);
    }
  }
}

function invalidDestination(arn: string): Error {
  return s3Error('InvalidArgument', 'Unable to validate the following destination configurations', {
    ArgumentName1: arn,
    ArgumentValue1: 'The destination is unknown or did not take a test event.',
  });
}

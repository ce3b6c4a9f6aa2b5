/** Events as Amazon words them ("Event message structure", version 2.1). */
import type { BacklogRow, EventRow } from '../../core/model.ts';
import type { UserDirectory } from '../../core/users.ts';
import type { Micros } from '../../../base/units.ts';
import { versionIdOf } from '../../core/model.ts';
import { encodeStrictly } from '../auth/canonical.ts';
import type { Call } from '../call.ts';
import { recordNameOf } from './event-names.ts';

/** What a record needs to know beside the event itself. */
export interface RecordSetting {
  readonly region: string;
  readonly bucket: string;
  readonly configurationId: string;
  /** Canonical id of the bucket's owner. */
  readonly ownerId: string;
}

/** One message with one record, as JSON; undefined for what Amazon has no event for. */
export function eventMessage(
  event: EventRow & { readonly stamp: Micros },
  setting: RecordSetting,
): Uint8Array | undefined {
  const eventName = recordNameOf(event.event);
  if (eventName === undefined) return undefined;
  const { origin } = event;
  const isGone = event.event.startsWith('removed:') || event.event.startsWith('expired:');
  const record = {
    eventVersion: eventName.startsWith('Object') ? '2.1' : '2.3',
    eventSource: 'aws:s3',
    awsRegion: setting.region,
    eventTime: new Date(Math.floor(event.stamp / 1000)).toISOString(),
    eventName,
    userIdentity: {
      principalId: origin === undefined ? 's3.amazonaws.com' : `${origin.account}:${origin.user}`,
    },
    requestParameters: { sourceIPAddress: origin?.sourceAddress ?? 's3.amazonaws.com' },
    responseElements: {
      'x-amz-request-id': origin?.requestId ?? '',
      'x-amz-id-2': origin?.requestId ?? '',
    },
    s3: {
      s3SchemaVersion: '1.0',
      configurationId: setting.configurationId,
      bucket: {
        name: setting.bucket,
        ownerIdentity: { principalId: setting.ownerId },
        arn: `arn:aws:s3:::${setting.bucket}`,
      },
      object: {
        key: encodedKey(event.key),
        ...(isGone ? {} : { size: event.size, eTag: event.etag }),
        ...(event.isVersioned ? { versionId: versionIdOf(event) } : {}),
        sequencer: event.stamp.toString(16).toUpperCase().padStart(16, '0'),
      },
    },
  };
  return Buffer.from(JSON.stringify({ Records: [record] }));
}

/** As HTML forms encode it: readers undo it with their unquote_plus. */
function encodedKey(key: string): string {
  return encodeStrictly(key).replaceAll('%2F', '/').replaceAll('%20', '+');
}

/** What a destination gets when it is configured. */
export function testMessage(call: Call): Uint8Array {
  return Buffer.from(
    JSON.stringify({
      Service: 'Amazon S3',
      Event: 's3:TestEvent',
      Time: new Date(call.door.clock.now()).toISOString(),
      Bucket: call.bucket,
      RequestId: call.context.request?.id ?? '',
      HostId: call.context.request?.id ?? '',
    }),
  );
}

/** For whoever tells feeds: an event, and whose it is, as a message. */
export function createEventRenderer(
  users: UserDirectory,
  region: string,
): (
  feed: Pick<BacklogRow, 'account' | 'container' | 'rule'>,
  event: EventRow & { readonly stamp: Micros },
) => Uint8Array | undefined {
  return (feed, event) =>
    eventMessage(event, {
      region,
      bucket: feed.container,
      configurationId: feed.rule,
      ownerId: users.ownerOf(feed.account).id,
    });
}

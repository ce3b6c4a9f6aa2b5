import type { HttpReply } from '../../http/exchange.ts';
import { type Call, bucketOf } from '../call.ts';
import { xmlDocument, escapeXml } from '../xml/writer.ts';
import { xmlReply } from '../xml/reply.ts';

/** HeadBucket. The door adds the region to its errors too. */
export async function headBucket(call: Call): Promise<HttpReply> {
  await call.door.core.headContainer(call.context, bucketOf(call));
  return {
    status: 200,
    headers: [
      ['x-amz-bucket-region', call.door.region],
      ['x-amz-access-point-alias', 'false'],
      ['Content-Type', 'application/xml'],
    ],
  };
}

/** Bucket setting: the alias of the region that its CreateBucket named. */
export const LOCATION = 's3:location';

/** GetBucketLocation: empty for the first region, unless the bucket was made under another name of it. */
export async function getBucketLocation(call: Call): Promise<HttpReply> {
  const { row } = await call.door.core.headContainer(call.context, bucketOf(call));
  const { region } = call.door;
  const location = row.settings[LOCATION] ?? (region === 'us-east-1' ? '' : region);
  return xmlReply(xmlDocument('LocationConstraint', escapeXml(location)));
}

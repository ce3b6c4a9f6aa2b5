/** GetBucketTagging, PutBucketTagging, DeleteBucketTagging. */
import type { HttpReply } from '../../http/exchange.ts';
import { type Call, bucketOf } from '../call.ts';
import { s3Error } from '../codes.ts';
import { readRequiredXml } from '../payload/document.ts';
import { xmlReply } from '../xml/reply.ts';
import { xmlDocument } from '../xml/writer.ts';
import {
  MAX_BUCKET_TAGS,
  TAGGING,
  parseTagging,
  readStoredTags,
  storedTags,
  tagSetMarkup,
} from './tags.ts';

export async function getBucketTagging(call: Call): Promise<HttpReply> {
  const { row } = await call.door.core.headContainer(call.context, bucketOf(call));
  const tags = readStoredTags(row.settings[TAGGING]);
  if (tags.length === 0) {
    throw s3Error('NoSuchTagSet', undefined, { BucketName: call.bucket });
  }
  return xmlReply(xmlDocument('Tagging', tagSetMarkup(tags)));
}

export async function putBucketTagging(call: Call): Promise<HttpReply> {
  const root = await readRequiredXml(call, { root: 'Tagging' });
  return setTags(call, storedTags(parseTagging(root, MAX_BUCKET_TAGS)));
}

export async function deleteBucketTagging(call: Call): Promise<HttpReply> {
  return setTags(call, null);
}

async function setTags(call: Call, stored: string | null): Promise<HttpReply> {
  await call.door.core.updateContainer(call.context, bucketOf(call), {
    settings: { [TAGGING]: stored },
  });
  return { status: 204, headers: [] };
}

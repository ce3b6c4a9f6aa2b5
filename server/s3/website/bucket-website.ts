/** GetBucketWebsite, PutBucketWebsite, DeleteBucketWebsite. */
import type { HttpReply } from '../../http/exchange.ts';
import { type Call, bucketOf, bucketRowOf } from '../call.ts';
import { s3Error } from '../codes.ts';
import { readRequiredXml } from '../payload/document.ts';
import { xmlReply } from '../xml/reply.ts';
import { xmlDocument } from '../xml/writer.ts';
import { WEBSITE, parseWebsite, readStoredWebsite, websiteMarkup } from './configuration.ts';

/** Amazon's bound is 128 KB. */
const MAX_BYTES = 128 * 1024;

export async function getBucketWebsite(call: Call): Promise<HttpReply> {
  const website = readStoredWebsite(bucketRowOf(call).settings[WEBSITE]);
  await Promise.resolve();
  if (website === undefined) {
    throw s3Error('NoSuchWebsiteConfiguration', undefined, { BucketName: call.bucket });
  }
  return xmlReply(xmlDocument('WebsiteConfiguration', websiteMarkup(website)));
}

export async function putBucketWebsite(call: Call): Promise<HttpReply> {
  const root = await readRequiredXml(call, { root: 'WebsiteConfiguration', maxBytes: MAX_BYTES });
  await store(call, JSON.stringify(parseWebsite(root)));
  return { status: 200, headers: [], body: new Uint8Array(0) };
}

export async function deleteBucketWebsite(call: Call): Promise<HttpReply> {
  await store(call, null);
  return { status: 204, headers: [] };
}

function store(call: Call, website: string | null): Promise<void> {
  return call.door.core.updateContainer(call.context, bucketOf(call), {
    settings: { [WEBSITE]: website },
  });
}

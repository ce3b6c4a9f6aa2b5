/** GetBucketOwnershipControls, PutBucketOwnershipControls, DeleteBucketOwnershipControls. */
import type { HttpReply } from '../../http/exchange.ts';
import { type Call, bucketOf, bucketRowOf } from '../call.ts';
import { s3Error } from '../codes.ts';
import { readRequiredXml } from '../payload/document.ts';
import { leafText, malformedXml, onlyChildren, required } from '../xml/reader.ts';
import { xmlReply } from '../xml/reply.ts';
import { element, leaf, xmlDocument } from '../xml/writer.ts';
import { ACL, isDefaultAcl, readStoredAcl } from './grants.ts';
import { NO_OWNERSHIP, OWNERSHIP, isOwnership, statedOwnership } from './ownership.ts';

export function getBucketOwnershipControls(call: Call): Promise<HttpReply> {
  const stated = statedOwnership(bucketRowOf(call).settings);
  if (stated === undefined) {
    throw s3Error('OwnershipControlsNotFoundError', undefined, { BucketName: call.bucket });
  }
  const rule = element('Rule', leaf('ObjectOwnership', stated));
  return Promise.resolve(xmlReply(xmlDocument('OwnershipControls', rule)));
}

export async function putBucketOwnershipControls(call: Call): Promise<HttpReply> {
  const root = await readRequiredXml(call, { root: 'OwnershipControls' });
  const [rule] = onlyChildren(root, ['Rule']);
  const [word] = onlyChildren(required(rule), ['ObjectOwnership']);
  const ownership = leafText(required(word));
  if (!isOwnership(ownership)) throw malformedXml();
  const { settings, account } = bucketRowOf(call);
  // Whoever is let in by the list would be shut out without a word.
  const grants = readStoredAcl(settings[ACL], account);
  if (ownership === 'BucketOwnerEnforced' && !isDefaultAcl(grants, account)) {
    throw s3Error('InvalidBucketAclWithObjectOwnership');
  }
  await store(call, ownership);
  return { status: 200, headers: [], body: new Uint8Array(0) };
}

export async function deleteBucketOwnershipControls(call: Call): Promise<HttpReply> {
  await store(call, NO_OWNERSHIP);
  return { status: 204, headers: [] };
}

function store(call: Call, ownership: string): Promise<void> {
  const settings = { [OWNERSHIP]: ownership };
  return call.door.core.updateContainer(call.context, bucketOf(call), { settings });
}

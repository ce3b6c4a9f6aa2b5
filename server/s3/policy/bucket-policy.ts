/** GetBucketPolicy, PutBucketPolicy, DeleteBucketPolicy, GetBucketPolicyStatus. */
import type { HttpReply } from '../../http/exchange.ts';
import { POLICY } from '../access/dialect.ts';
import { permitOf } from '../access/permit.ts';
import { ACL, isPublicGrant, readStoredAcl } from '../acl/grants.ts';
import { ownershipOf } from '../acl/ownership.ts';
import { readStoredBlock } from '../acl/public-block.ts';
import { type Call, bucketOf, bucketRowOf } from '../call.ts';
import { s3Error } from '../codes.ts';
import { readDocument } from '../payload/document.ts';
import { xmlReply } from '../xml/reply.ts';
import { leaf, xmlDocument } from '../xml/writer.ts';
import { compilePolicy } from './compile.ts';
import { MAX_POLICY_BYTES, malformedPolicy, parsePolicyDocument } from './document.ts';

/** Room for white space beyond the limit, so that a policy too long is told so rather than cut. */
const MAX_BODY_BYTES = 4 * MAX_POLICY_BYTES;

export async function putBucketPolicy(call: Call): Promise<HttpReply> {
  const bytes = await readDocument(call, { maxBytes: MAX_BODY_BYTES });
  const text = decode(bytes ?? new Uint8Array(0));
  const { users, core } = call.door;
  const document = parsePolicyDocument(text);
  const statements = compilePolicy(document, { users, bucket: call.bucket });
  if (statements.some(({ isPublic }) => isPublic === true)) {
    const limits = await core.publicLimits(permitOf(call));
    if (limits.refusePublicPolicies) {
      throw s3Error(
        'AccessDenied',
        'Public policies are blocked by the BlockPublicPolicy setting of the block public access configuration.',
      );
    }
  }
  await store(call, text);
  return { status: 204, headers: [] };
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    // TypeError: not UTF-8.
    throw malformedPolicy('This policy contains invalid Json');
  }
}

function store(call: Call, text: string | null): Promise<void> {
  const settings = { [POLICY]: text };
  return call.door.core.updateContainer(call.context, bucketOf(call), { settings });
}

export function getBucketPolicy(call: Call): Promise<HttpReply> {
  const text = bucketRowOf(call).settings[POLICY];
  if (text === undefined) {
    throw s3Error('NoSuchBucketPolicy', undefined, { BucketName: call.bucket });
  }
  return Promise.resolve({
    status: 200,
    headers: [['Content-Type', 'application/json']],
    body: Buffer.from(text, 'utf8'),
  });
}

export async function deleteBucketPolicy(call: Call): Promise<HttpReply> {
  await store(call, null);
  return { status: 204, headers: [] };
}

/** Whether the bucket is public by its policy or by its list, as far as the switches let them count. */
export function getBucketPolicyStatus(call: Call): Promise<HttpReply> {
  const isPublic = isPublicByPolicy(call) || isPublicByList(call);
  return Promise.resolve(xmlReply(xmlDocument('PolicyStatus', leaf('IsPublic', isPublic))));
}

function isPublicByPolicy(call: Call): boolean {
  const text = bucketRowOf(call).settings[POLICY];
  if (text === undefined) return false;
  const options = { users: call.door.users, bucket: call.bucket };
  return compilePolicy(parsePolicyDocument(text), options).some((one) => one.isPublic === true);
}

function isPublicByList(call: Call): boolean {
  const { settings, account } = bucketRowOf(call);
  if (ownershipOf(settings) === 'BucketOwnerEnforced') return false;
  if (readStoredBlock(settings)?.IgnorePublicAcls === true) return false;
  return readStoredAcl(settings[ACL], account).some(isPublicGrant);
}

/** `x-amz-expected-bucket-owner`: the request is meant for a bucket of this owner, or for none. */
import { type Call } from './call.ts';
import { s3Error } from './codes.ts';
import { copySourceOf } from './object/copy-source.ts';

/** Throws `AccessDenied` for another owner's bucket. A bucket that is not there is the operation's own matter. */
export async function checkExpectedOwner(call: Call): Promise<void> {
  const owner = call.headers.get('x-amz-expected-bucket-owner');
  if (owner !== undefined) await check(call, call.bucket, owner);
  const sourceOwner = call.headers.get('x-amz-source-expected-bucket-owner');
  if (sourceOwner !== undefined) await check(call, copySourceOf(call).container, sourceOwner);
}

async function check(call: Call, bucket: string, expected: string): Promise<void> {
  const { core, users } = call.door;
  const row = await core.peekContainer(call.context.principal, bucket);
  if (row === undefined) return;
  if (expected === users.ownerOf(row.account).id) return;
  if (users.accountOf(expected) === row.account) return;
  throw s3Error('AccessDenied');
}

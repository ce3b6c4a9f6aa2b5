import { isStoreError } from '../../../base/errors.ts';
import type { HttpReply } from '../../http/exchange.ts';
import { type Call, bucketOf } from '../call.ts';
import { s3Error } from '../codes.ts';

/** DeleteBucket. */
export async function deleteBucket(call: Call): Promise<HttpReply> {
  const { core } = call.door;
  try {
    await core.deleteContainer(call.context, bucketOf(call));
  } catch (error) {
    if (!isStoreError(error, 'container-not-empty')) throw error;
    const { row } = await core.headContainer(call.context, bucketOf(call));
    const also = row.versioning === 'off' ? '' : '. You must delete all versions in the bucket.';
    throw s3Error('BucketNotEmpty', `The bucket you tried to delete is not empty${also}`, {
      BucketName: call.bucket,
    });
  }
  return { status: 204, headers: [] };
}

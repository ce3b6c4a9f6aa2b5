/** UpdateObjectEncryption: the object's key is wrapped anew; its bytes, date and ETag stay. */
import type { HeaderPairs, HttpReply } from '../../http/exchange.ts';
import { isStoreError } from '../../../base/errors.ts';
import { type Call, objectOf } from '../call.ts';
import { s3Error } from '../codes.ts';
import { pushNewVersion } from '../object-headers.ts';
import { asMarkerError } from '../object/open-row.ts';
import { parseVersionId } from '../object/version-id.ts';
import { readRequiredXml } from '../payload/document.ts';
import { leafText, onlyChildren } from '../xml/reader.ts';
import { parseBoolean } from './bucket-encryption.ts';

export async function updateObjectEncryption(call: Call): Promise<HttpReply> {
  const wish = await readWish(call);
  const versionId = parseVersionId(call.query.get('versionId'));
  const { core } = call.door;
  const address = { ...objectOf(call), versionId };
  const row = await asMarkerError(versionId, () =>
    core.reencryptObject(call.context, address, wish),
  ).catch((error: unknown) => {
    if (!isStoreError(error) || error.detail['reason'] !== 'key-unchangeable') throw error;
    throw s3Error('InvalidRequest', refusals[String(error.detail['had'])] ?? error.message);
  });
  const headers: HeaderPairs = [];
  pushNewVersion(headers, row);
  return { status: 200, headers, body: new Uint8Array(0) };
}

const only = 'Only source objects encrypted with SSE-S3 or SSE-KMS are supported.';
const refusals: Readonly<Record<string, string>> = {
  none: `The UpdateObjectEncryption operation doesn't supported unencrypted source objects. ${only}`,
  customer: `The UpdateObjectEncryption operation doesn't support source objects with the encryption type DSSE-KMS or SSE-C. ${only}`,
};

async function readWish(
  call: Call,
): Promise<{ readonly key: string; readonly bucketKey: boolean | undefined }> {
  const root = await readRequiredXml(call, { root: 'ObjectEncryption' });
  const [service] = onlyChildren(root, ['SSE-KMS']);
  if (service === undefined) {
    throw s3Error(
      'InvalidRequest',
      'Requests that modify an object encryption configuration require a valid new encryption type. Valid values are SSEKMS. Modify the request to specify SSE-KMS for the updated encryption type, and then try again.',
    );
  }
  const [key, bucketKey] = onlyChildren(service, ['KMSKeyArn', 'BucketKeyEnabled']);
  const arn = key === undefined ? '' : leafText(key).trim();
  if (!/^arn:[^:]+:kms:[^:]*:[^:]*:key\/[^:]+$/.test(arn)) {
    const what = arn === '' ? 'an' : 'a valid';
    throw s3Error(
      'InvalidRequest',
      `Requests that modify an object's encryption type to SSE-KMS require ${what} Amazon Web Services KMS key Amazon Resource Name (ARN). Modify the request to specify a KMS key ARN, and then try again.`,
    );
  }
  return { key: arn, bucketKey: bucketKey === undefined ? undefined : parseBoolean(bucketKey) };
}

import type { ChecksumAlgorithm, ChecksumType } from '../../core/model.ts';
import type { HeaderPairs, HttpReply } from '../../http/exchange.ts';
import { accessOfNewObject } from '../acl/new-object.ts';
import { type Call, objectOf } from '../call.ts';
import { s3Error } from '../codes.ts';
import { pushNewEncryption, readEncryption } from '../encryption/headers.ts';
import { shownUploadId } from '../listing-parameters.ts';
import { readLock } from '../lock/lock-headers.ts';
import { readObjectHeaders, shownType } from '../object-headers.ts';
import { parseAlgorithm } from '../payload/checksum-headers.ts';
import type { RequestHeaders } from '../request-headers.ts';
import { bringsReplica } from '../replication/status.ts';
import { pushAbort } from '../lifecycle/shown-headers.ts';
import { readStorageClass } from '../lifecycle/storage-class.ts';
import { withTags } from '../tagging/object-tagging.ts';
import { xmlReply } from '../xml/reply.ts';
import { leaf, xmlDocument } from '../xml/writer.ts';

/** CreateMultipartUpload. */
export async function createMultipartUpload(call: Call): Promise<HttpReply> {
  const checksum = parseChecksum(call.headers);
  const described = readObjectHeaders(call.headers);
  const access = await accessOfNewObject(call);
  const upload = await call.door.core.createUpload(call.context, {
    ...objectOf(call),
    ...described,
    system: { ...withTags(described.system, call.headers), ...access },
    storageClass: readStorageClass(call),
    checksum,
    encryption: readEncryption(call),
    lock: readLock(call.headers),
    isReplica: bringsReplica(call),
  });
  const headers: HeaderPairs = [];
  pushNewEncryption(headers, upload.encryption, call);
  pushAbort(headers, upload.abort);
  if (checksum !== undefined) {
    headers.push(['x-amz-checksum-algorithm', checksum.algorithm.toUpperCase()]);
    headers.push(['x-amz-checksum-type', shownType(checksum.type)]);
  }
  const markup =
    leaf('Bucket', call.bucket) + leaf('Key', call.key) + leaf('UploadId', shownUploadId(upload));
  return xmlReply(xmlDocument('InitiateMultipartUploadResult', markup), headers);
}

/** What can be computed of a whole object from its parts' digests; the first is Amazon's default. */
const types: Readonly<Record<ChecksumAlgorithm, readonly ChecksumType[]>> = {
  crc32: ['composite', 'full-object'],
  crc32c: ['composite', 'full-object'],
  crc64nvme: ['full-object'],
  sha1: ['composite'],
  sha256: ['composite'],
  sha512: ['composite'],
  md5: ['composite'],
  xxhash64: ['composite'],
  xxhash3: ['composite'],
  xxhash128: ['composite'],
};

function parseChecksum(
  headers: RequestHeaders,
): { readonly algorithm: ChecksumAlgorithm; readonly type: ChecksumType } | undefined {
  const algorithmText = headers.get('x-amz-checksum-algorithm');
  const typeText = headers.get('x-amz-checksum-type');
  const named = typeText === undefined ? undefined : parseChecksumType(typeText);
  if (algorithmText === undefined) {
    if (named === undefined) return undefined;
    throw s3Error(
      'InvalidRequest',
      'The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.',
    );
  }
  const algorithm = parseAlgorithm(algorithmText);
  const [usual] = types[algorithm];
  const type = named ?? usual;
  if (type === undefined || !types[algorithm].includes(type)) {
    throw s3Error(
      'InvalidRequest',
      `The ${typeText ?? ''} checksum type cannot be used with the ${algorithm} checksum algorithm.`,
    );
  }
  return { algorithm, type };
}

/** Throws `InvalidRequest`. */
export function parseChecksumType(text: string): ChecksumType {
  switch (text.toUpperCase()) {
    case 'COMPOSITE':
      return 'composite';
    case 'FULL_OBJECT':
      return 'full-object';
    default:
      throw s3Error('InvalidRequest', 'Value for x-amz-checksum-type header is invalid.');
  }
}

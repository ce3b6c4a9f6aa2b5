import { isStoreError, type StoreError } from '../../../base/errors.ts';
import type { CompleteUpload, UploadAddress } from '../../core/api.ts';
import {
  type Checksum,
  type ChecksumAlgorithm,
  type ChecksumType,
  checksumAlgorithms,
} from '../../core/model.ts';
import { isKeyFailure } from '../../core/encryption/failures.ts';
import type { HeaderPairs, HttpReply } from '../../http/exchange.ts';
import type { Call } from '../call.ts';
import { invalidArgument, s3Error } from '../codes.ts';
import { writeCondition } from '../conditions.ts';
import { pushEncryption, readCustomerKey } from '../encryption/headers.ts';
import { checksumElements } from '../object/copy.ts';
import { pushExpiration } from '../lifecycle/shown-headers.ts';
import { pushNewVersion, shownType } from '../object-headers.ts';
import { checksumHeader, isChecksumValue } from '../payload/checksum-headers.ts';
import { readRequiredXml } from '../payload/document.ts';
import { type XmlNode, leafText, malformedXml, onlyChildren, required } from '../xml/reader.ts';
import { xmlReply } from '../xml/reply.ts';
import { escapeXml, leaf, xmlDocument } from '../xml/writer.ts';
import { parseChecksumType } from './create.ts';
import { parsePartNumber, uploadOf } from './upload-address.ts';

/** Ten thousand parts with a SHA-256 each take 1.9 MB. */
const MAX_BYTES = 2 * 1024 * 1024;
const MAX_PARTS = 10_000;

/** CompleteMultipartUpload. */
export async function completeMultipartUpload(call: Call): Promise<HttpReply> {
  const address = uploadOf(call);
  const size = parseObjectSize(call.headers.get('x-amz-mp-object-size'));
  const condition = writeCondition(call);
  const root = await readRequiredXml(call, {
    root: 'CompleteMultipartUpload',
    maxBytes: MAX_BYTES,
    checksumsOf: 'object',
    emptyCode: 'MalformedXML',
  });
  const parts = parseParts(root);
  const checksum = await statedChecksum(call, address);
  const customerKey = readCustomerKey(call);
  const command = { ...address, parts, checksum, size, condition, customerKey };
  const { row, expiration } = await complete(call, command);
  const headers: HeaderPairs = [];
  pushEncryption(headers, row.encryption, call);
  pushExpiration(headers, expiration);
  pushNewVersion(headers, row);
  const markup =
    leaf('Location', locationOf(call)) +
    leaf('Bucket', call.bucket) +
    leaf('Key', call.key) +
    `<ETag>&quot;${escapeXml(row.etag)}&quot;</ETag>` +
    checksumElements(row);
  return xmlReply(xmlDocument('CompleteMultipartUploadResult', markup), headers);
}

function locationOf(call: Call): string {
  const scheme = call.request.secure ? 'https' : 'http';
  const host = call.headers.get('host') ?? '';
  return `${scheme}://${host}${call.request.path}`;
}

function parseObjectSize(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  const wrong = /^-\d+$/.test(text) ? 'less than zero' : 'invalid';
  throw s3Error('InvalidRequest', `Value for x-amz-mp-object-size header is ${wrong}: '${text}'`);
}

type Part = CompleteUpload['parts'][number];

function parseParts(root: XmlNode): readonly Part[] {
  if (root.children.length === 0 || root.children.length > MAX_PARTS) throw malformedXml();
  if (root.text.trim() !== '') throw malformedXml();
  return root.children.map((node) => {
    if (node.name !== 'Part') throw malformedXml();
    return parsePart(node);
  });
}

const checksumElementNames = checksumAlgorithms.map(
  (algorithm) => `Checksum${algorithm.toUpperCase()}`,
);

function parsePart(node: XmlNode): Part {
  const [number, etag, ...checksums] = onlyChildren(node, [
    'PartNumber',
    'ETag',
    ...checksumElementNames,
  ]);
  const partNumber = parseListedNumber(leafText(required(number)).trim());
  const part = { partNumber, etag: leafText(required(etag)).trim().replace(/^"|"$/g, '') };
  const stated: { algorithm: ChecksumAlgorithm; value: string }[] = [];
  for (const [index, element] of checksums.entries()) {
    const algorithm = checksumAlgorithms[index];
    if (element !== undefined && algorithm !== undefined) {
      stated.push({ algorithm, value: leafText(element).trim() });
    }
  }
  const [checksum] = stated;
  if (checksum !== undefined && stated.length > 1) throw oddChecksum(checksum.value);
  for (const { algorithm, value } of stated) {
    if (!isChecksumValue(algorithm, value)) throw oddChecksum(value);
  }
  return checksum === undefined ? part : { ...part, checksum };
}

function oddChecksum(value: string): Error {
  return invalidArgument(
    'Checksum',
    value,
    'Invalid Base64 or multiple checksums present in request',
  );
}

function parseListedNumber(text: string): number {
  if (/^-\d+$|^0+$/.test(text)) {
    throw invalidArgument('PartNumber', text, 'PartNumber must be >= 1');
  }
  return parsePartNumber(text);
}

/** What the client says of the whole object; a value that the upload's own mode cannot have is refused. */
async function statedChecksum(call: Call, address: UploadAddress): Promise<Checksum | undefined> {
  const { headers } = call;
  const typeText = headers.get('x-amz-checksum-type');
  const named = checksumAlgorithms.filter((algorithm) => headers.has(checksumHeader(algorithm)));
  const [algorithm] = named;
  if (algorithm === undefined && typeText === undefined) return undefined;
  if (named.length > 1) {
    throw s3Error(
      'InvalidRequest',
      'Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.',
    );
  }
  const stated = typeText === undefined ? undefined : parseChecksumType(typeText);
  const own = await announcedType(call, address);
  if (stated !== undefined && own !== undefined && stated !== own) {
    throw s3Error(
      'InvalidRequest',
      `The upload was created using the ${shownType(own)} checksum mode. The complete request must use the same checksum mode.`,
    );
  }
  if (algorithm === undefined) return undefined;
  const value = headers.get(checksumHeader(algorithm)) ?? '';
  const type = stated ?? own ?? (/-\d+$/.test(value) ? 'composite' : 'full-object');
  return { algorithm, type, value: type === 'composite' ? value.replace(/-\d+$/, '') : value };
}

/** undefined also when the upload is over: a repeated Complete gets the first one's answer from core. */
async function announcedType(
  call: Call,
  address: UploadAddress,
): Promise<ChecksumType | undefined> {
  try {
    return (await call.door.core.headUpload(call.context, address)).checksum?.type;
  } catch (error) {
    if (isStoreError(error, 'no-such-upload')) return undefined;
    throw error;
  }
}

async function complete(
  call: Call,
  command: CompleteUpload,
): ReturnType<typeof call.door.core.completeUpload> {
  try {
    return await call.door.core.completeUpload(call.context, command);
  } catch (error) {
    if (isStoreError(error)) throw inAmazonsWords(call, command, error);
    throw error;
  }
}

function inAmazonsWords(call: Call, command: CompleteUpload, error: StoreError): StoreError {
  const { detail } = error;
  switch (error.kind) {
    case 'part-too-small':
      return s3Error('EntityTooSmall', undefined, {
        ProposedSize: String(detail['size'] ?? ''),
        MinSizeAllowed: call.door.core.limits.minPartBytes,
        PartNumber: String(detail['partNumber'] ?? ''),
        ETag: String(detail['etag'] ?? ''),
      });
    case 'invalid-part':
      return s3Error('InvalidPart', undefined, {
        UploadId: call.query.get('uploadId') ?? '',
        PartNumber: String(detail['partNumber'] ?? ''),
        ETag: String(detail['etag'] ?? ''),
      });
    case 'invalid-argument':
      if (detail['argument'] === 'size') {
        return s3Error(
          'InvalidRequest',
          `The provided 'x-amz-mp-object-size' header value ${command.size ?? ''} does not match what was computed: ${String(detail['actual'] ?? '')}`,
        );
      }
      return isKeyFailure(detail['reason']) ? error : s3Error('InvalidRequest', error.message);
    default:
      return error;
  }
}

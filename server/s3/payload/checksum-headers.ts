/** What a client says about its body's checksum: in a header, in a trailer, or nothing. */
import { type ChecksumAlgorithm, checksumAlgorithms } from '../../core/model.ts';
import { s3Error } from '../codes.ts';
import type { RequestHeaders } from '../request-headers.ts';

export interface StatedChecksum {
  readonly algorithm: ChecksumAlgorithm;
  /** Base64; undefined when a trailer will bring it. */
  readonly value: string | undefined;
}

const PREFIX = 'x-amz-checksum-';
/** Bytes of each digest. */
const sizes: Readonly<Record<ChecksumAlgorithm, number>> = {
  crc32: 4,
  crc32c: 4,
  crc64nvme: 8,
  sha1: 20,
  sha256: 32,
  sha512: 64,
  md5: 16,
  xxhash64: 8,
  xxhash3: 8,
  xxhash128: 16,
};
/** Names under the same prefix that carry no value. */
const settings: ReadonlySet<string> = new Set(['algorithm', 'type', 'mode']);

/** `CRC32C` and the like; throws `InvalidRequest`. */
export function parseAlgorithm(text: string): ChecksumAlgorithm {
  const name = text.toLowerCase();
  const found = checksumAlgorithms.find((algorithm) => algorithm === name);
  if (found !== undefined) return found;
  throw s3Error(
    'InvalidRequest',
    'Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, MD5, SHA1, SHA256, SHA512, XXHASH128, XXHASH3, XXHASH64]',
  );
}

/** Whether the text is the base64 of a digest of this algorithm. */
export function isChecksumValue(algorithm: ChecksumAlgorithm, text: string): boolean {
  const bytes = Buffer.from(text, 'base64');
  return bytes.length === sizes[algorithm] && bytes.toString('base64') === text;
}

export function checksumHeader(algorithm: ChecksumAlgorithm): string {
  return PREFIX + algorithm;
}

/** Names that `x-amz-trailer` announces; each must be a checksum that is built. Commas may follow the last one. */
export function parseTrailerNames(value: string | undefined): readonly string[] {
  const names = (value ?? '')
    .trim()
    .replace(/,+$/, '')
    .split(',')
    .map((name) => name.trim().toLowerCase());
  if (names.length === 1 && names[0] === '') return [];
  const known = checksumAlgorithms.map(checksumHeader);
  if (names.every((name) => known.includes(name))) return names;
  throw s3Error(
    'InvalidRequest',
    'The value specified in the x-amz-trailer header is not supported',
  );
}

/** Throws `InvalidRequest` for two checksums or an announced one that is missing, `BadDigest` for a value that no bytes can have. */
export function parseStatedChecksum(
  headers: RequestHeaders,
  trailerNames: readonly string[],
): StatedChecksum | undefined {
  const stated: StatedChecksum[] = [];
  for (const name of headers.amzNames) {
    if (!name.startsWith(PREFIX) || settings.has(name.slice(PREFIX.length))) continue;
    const word = name.slice(PREFIX.length);
    const algorithm = checksumAlgorithms.find((candidate) => candidate === word);
    if (algorithm === undefined) {
      throw s3Error(
        'InvalidRequest',
        'The algorithm type you specified in x-amz-checksum- header is invalid.',
      );
    }
    stated.push({ algorithm, value: headers.get(name) ?? '' });
  }
  for (const name of trailerNames) {
    stated.push({ algorithm: parseAlgorithm(name.slice(PREFIX.length)), value: undefined });
  }
  const [first] = stated;
  if (stated.length > 1) {
    // One header beside one trailer is told in fewer words, whatever the two name.
    const isPair = stated.length === 2 && trailerNames.length === 1;
    const more = isPair ? '' : '. Multiple checksum Types are not allowed.';
    throw s3Error('InvalidRequest', `Expecting a single x-amz-checksum- header${more}`);
  }
  checkSdkAlgorithm(headers, first);
  if (first?.value !== undefined && !isChecksumValue(first.algorithm, first.value)) {
    throw s3Error(
      'BadDigest',
      `The ${first.algorithm.toUpperCase()} you specified did not match the calculated checksum: the value of ${checksumHeader(first.algorithm)} is none.`,
    );
  }
  return first;
}

function checkSdkAlgorithm(headers: RequestHeaders, stated: StatedChecksum | undefined): void {
  const named = headers.get('x-amz-sdk-checksum-algorithm');
  if (named === undefined) return;
  const algorithm = parseAlgorithm(named);
  if (stated === undefined) {
    throw s3Error(
      'InvalidRequest',
      'x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.',
    );
  }
  if (stated.algorithm !== algorithm) {
    throw s3Error('InvalidRequest', 'Value for x-amz-sdk-checksum-algorithm header is invalid.');
  }
}

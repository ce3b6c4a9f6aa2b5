/** Which bucket and key a request names: path style, or virtual-host style when a suffix is configured. */
import { isBucketName } from '../core/limits.ts';
import { s3Error } from './codes.ts';
import { decodePercent } from './query.ts';

/** `account` is what the service S3 Control addresses: the caller's own. */
export type Shape = 'service' | 'account' | 'bucket' | 'object';

export interface Address {
  readonly shape: Shape;
  readonly bucket: string;
  readonly key: string;
}

const ACCOUNT_PATH = '/v20180820/configuration/publicAccessBlock';

/**
 * S3 Control shares the host where a client was told so. Its requests name the account in a header,
 * which tells them from those of a bucket that has the name of its version.
 */
export function controlAddress(path: string, accountId: string | undefined): Address | undefined {
  if (accountId === undefined || path !== ACCOUNT_PATH) return undefined;
  return { shape: 'account', bucket: '', key: '' };
}

/**
 * `//`, `.` and `..` are part of a key like any other characters: nothing is normalised.
 * Throws `InvalidURI` and `InvalidBucketName`.
 */
export function addressOf(
  path: string,
  host: string | undefined,
  virtualHostSuffixes: readonly string[],
): Address {
  const hosted =
    virtualHostSuffixes.length === 0 ? undefined : hostedBucket(host, virtualHostSuffixes);
  if (!path.startsWith('/')) throw s3Error('InvalidURI');
  if (hosted !== undefined) {
    return path === '/'
      ? { shape: 'bucket', bucket: hosted, key: '' }
      : { shape: 'object', bucket: hosted, key: decodePercent(path.slice(1)) };
  }
  if (path === '/') return { shape: 'service', bucket: '', key: '' };
  const slash = path.indexOf('/', 1);
  const bucket = decodePercent(slash < 0 ? path.slice(1) : path.slice(1, slash));
  if (bucket === '' || bucket.includes('/')) throw s3Error('InvalidBucketName');
  const key = slash < 0 ? '' : decodePercent(path.slice(slash + 1));
  return { shape: key === '' ? 'bucket' : 'object', bucket, key };
}

/** The bucket that a host name names, if it is one of ours. */
export function hostedBucket(
  host: string | undefined,
  suffixes: readonly string[],
): string | undefined {
  if (host === undefined) return undefined;
  const colon = host.lastIndexOf(':');
  const name = (colon > host.lastIndexOf(']') ? host.slice(0, colon) : host).toLowerCase();
  for (const suffix of suffixes) {
    if (name.length > suffix.length + 1 && name.endsWith(`.${suffix}`)) {
      return name.slice(0, -suffix.length - 1);
    }
  }
  return undefined;
}

const MAX_KEY_BYTES = 1024;

/** Throws `KeyTooLongError`. */
export function checkKeyLength(key: string): void {
  // A UTF-16 unit is at most three bytes, so short keys need no count.
  if (key.length * 3 <= MAX_KEY_BYTES) return;
  const size = Buffer.byteLength(key);
  if (size > MAX_KEY_BYTES) {
    throw s3Error('KeyTooLongError', undefined, { Size: size, MaxSizeAllowed: MAX_KEY_BYTES });
  }
}

const reservedStarts = ['xn--', 'sthree-', 'amzn-s3-demo-'] as const;
const reservedEnds = ['-s3alias', '--ol-s3', '.mrap', '--x-s3', '--table-s3'] as const;

/**
 * Amazon's rules for the name of a new bucket ("Bucket naming rules"). Only creation is held to
 * them: a container that Swift made may have any name, and S3 reads it under that name.
 */
export function isNewBucketName(name: string): boolean {
  if (!isBucketName(name) || name.includes('.-') || name.includes('-.')) return false;
  return (
    !reservedStarts.some((start) => name.startsWith(start)) &&
    !reservedEnds.some((end) => name.endsWith(end))
  );
}

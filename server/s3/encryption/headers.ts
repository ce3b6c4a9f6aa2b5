/** What requests say of encryption, and what replies show ("Server-side encryption", Amazon S3 User Guide). */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { EncryptionWish } from '../../core/encryption/wish.ts';
import type { Encryption } from '../../core/model.ts';
import type { HeaderPairs } from '../../http/exchange.ts';
import type { Call } from '../call.ts';
import { invalidArgument, notImplemented, s3Error } from '../codes.ts';
import type { RequestHeaders } from '../request-headers.ts';

const SSE = 'x-amz-server-side-encryption';
const KMS_KEY = `${SSE}-aws-kms-key-id`;
const CONTEXT = `${SSE}-context`;
const BUCKET_KEY = `${SSE}-bucket-key-enabled`;
const CUSTOMER = `${SSE}-customer`;
const SOURCE_CUSTOMER = 'x-amz-copy-source-server-side-encryption-customer';

const managed = [SSE, KMS_KEY, CONTEXT, BUCKET_KEY] as const;

/** Every header of encryption that is built; others that begin so are refused (refused.ts). */
export const encryptionHeaders: ReadonlySet<string> = new Set([
  ...managed,
  ...[CUSTOMER, SOURCE_CUSTOMER].flatMap((prefix) => [
    `${prefix}-algorithm`,
    `${prefix}-key`,
    `${prefix}-key-md5`,
  ]),
]);

const CUSTOMER_WORDS =
  'Requests specifying Server Side Encryption with Customer provided keys must';
const KEY_BYTES = 32;

/** How a new object, or upload, shall be encrypted; undefined: as the bucket says. */
export function readEncryption(call: Call): EncryptionWish | undefined {
  const { headers } = call;
  const method = headers.get(SSE);
  const customerKey = readCustomerKey(call);
  if (customerKey !== undefined) {
    const stated = managed.find((name) => headers.has(name));
    if (stated === undefined) return { by: 'customer', customerKey };
    throw invalidArgument(
      stated,
      headers.get(stated) ?? '',
      'Server Side Encryption with Customer provided key is incompatible with the encryption method specified',
    );
  }
  switch (method) {
    case 'aws:kms':
      return readServiceWish(call);
    case 'AES256':
      refuseServiceHeaders(headers, [KMS_KEY, CONTEXT, BUCKET_KEY]);
      return { by: 'key-ring' };
    case undefined: {
      refuseServiceHeaders(headers, [KMS_KEY, CONTEXT]);
      const bucketKey = readBucketKey(headers);
      return bucketKey === undefined ? undefined : { by: 'container', bucketKey };
    }
    case 'aws:kms:dsse':
      throw notImplemented(SSE, 'Encryption in two layers (aws:kms:dsse) is not implemented.');
    default:
      throw invalidArgument(SSE, method, 'The encryption method specified is not supported');
  }
}

function refuseServiceHeaders(headers: RequestHeaders, names: readonly string[]): void {
  const stated = names.find((name) => headers.has(name));
  if (stated === undefined) return;
  throw invalidArgument(
    stated,
    headers.get(stated) ?? '',
    'Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms',
  );
}

function readServiceWish(call: Call): EncryptionWish {
  const { headers } = call;
  const key = headers.get(KMS_KEY);
  if (key === '') throw invalidArgument(KMS_KEY, key, 'The key ID must not be empty.');
  const bucketKey = readBucketKey(headers);
  return { by: 'key-service', key, context: readContext(call), bucketKey };
}

function readBucketKey(headers: RequestHeaders): boolean | undefined {
  const text = headers.get(BUCKET_KEY);
  if (text === undefined) return undefined;
  const word = text.toLowerCase();
  if (word === 'true' || word === 'false') return word === 'true';
  throw invalidArgument(
    BUCKET_KEY,
    text,
    'The header value must be true or false for the bucket key setting.',
  );
}

/** What AWS KMS takes. */
const MAX_CONTEXT_BYTES = 8192;
const ARN = 'aws:s3:arn';

function readContext(call: Call): Readonly<Record<string, string>> | undefined {
  const text = call.headers.get(CONTEXT);
  if (text === undefined) return undefined;
  const refusal = invalidArgument(
    CONTEXT,
    text,
    `The header '${CONTEXT}' shall be Base64-encoded UTF-8 string holding JSON which represents a string-string map`,
  );
  const context = parseContext(text);
  if (context === undefined) throw refusal;
  const arn = context[ARN];
  const bucketArn = `arn:aws:s3:::${call.bucket}`;
  // Core adds it; a client may repeat what a reply showed, and nothing else.
  if (arn !== undefined && arn !== bucketArn && arn !== `${bucketArn}/${call.key}`) throw refusal;
  return context;
}

function parseContext(text: string): Readonly<Record<string, string>> | undefined {
  if (text.length > MAX_CONTEXT_BYTES) return undefined;
  try {
    const parsed: unknown = JSON.parse(Buffer.from(text, 'base64').toString('utf8'));
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return undefined;
    const pairs = Object.entries(parsed);
    if (!pairs.every((pair): pair is [string, string] => typeof pair[1] === 'string')) {
      return undefined;
    }
    return Object.fromEntries(pairs);
  } catch {
    // SyntaxError: there is nothing else in the call.
    return undefined;
  }
}

/** The key of the object that is written or read; undefined when there is none of its headers. */
export function readCustomerKey(call: Call): Uint8Array | undefined {
  return readKey(call, CUSTOMER);
}

/** The key of a copy's source. */
export function readSourceKey(call: Call): Uint8Array | undefined {
  return readKey(call, SOURCE_CUSTOMER);
}

function readKey(call: Call, prefix: string): Uint8Array | undefined {
  const { headers } = call;
  const algorithm = headers.get(`${prefix}-algorithm`);
  const keyText = headers.get(`${prefix}-key`);
  const digest = headers.get(`${prefix}-key-md5`);
  if (algorithm === undefined && keyText === undefined && digest === undefined) return undefined;
  // A key that crossed a network in the clear is no secret any more.
  if (!mayCarryKeys(call)) {
    throw s3Error('InvalidRequest', `${CUSTOMER_WORDS} be made over a secure connection.`);
  }
  if (algorithm === undefined) {
    throw invalidArgument(
      `${prefix}-algorithm`,
      'null',
      `${CUSTOMER_WORDS} provide a valid encryption algorithm.`,
    );
  }
  if (algorithm !== 'AES256') {
    throw s3Error('InvalidEncryptionAlgorithmError', undefined, {
      ArgumentName: `${prefix}-algorithm`,
      ArgumentValue: algorithm,
    });
  }
  return checkedKey(prefix, keyText, digest);
}

/** No answer shows what was sent for a key: it may be one. */
function checkedKey(
  prefix: string,
  keyText: string | undefined,
  digest: string | undefined,
): Uint8Array {
  const refusal = (name: string, value: string, sentence: string): Error =>
    invalidArgument(`${prefix}-${name}`, value, sentence);
  if (keyText === undefined) {
    throw refusal('key', 'null', `${CUSTOMER_WORDS} provide an appropriate secret key.`);
  }
  const key = Buffer.from(keyText, 'base64');
  if (key.length !== KEY_BYTES || key.toString('base64') !== keyText) {
    throw refusal('key', '', 'The secret key was invalid for the specified algorithm.');
  }
  if (digest === undefined) {
    const sentence = `${CUSTOMER_WORDS} provide the client calculated MD5 of the secret key.`;
    throw refusal('key-MD5', 'null', sentence);
  }
  const stated = Buffer.from(digest, 'base64');
  const actual = createHash('md5').update(key).digest();
  if (stated.length === actual.length && timingSafeEqual(stated, actual)) return key;
  throw refusal(
    'key-MD5',
    digest,
    'The calculated MD5 hash of the key did not match the hash that was provided.',
  );
}

function mayCarryKeys({ request, door }: Call): boolean {
  if (request.secure) return true;
  switch (door.customerKeysOverHttp) {
    case 'always':
      return true;
    case 'never':
      return false;
    default:
      // What a proxy on this machine brings may have crossed a network before.
      return isLoopback(request.remoteAddress) && !isProxied((name) => request.header(name));
  }
}

function isLoopback(address: string): boolean {
  return address === '::1' || /^(?:::ffff:)?127\./.test(address);
}

function isProxied(header: (name: string) => string | undefined): boolean {
  return ['via', 'forwarded', 'x-forwarded-for'].some((name) => header(name) !== undefined);
}

/** An object is read as it was encrypted: a method cannot be asked for. */
export function refuseMethodOfRead(headers: RequestHeaders): void {
  const stated = managed.find((name) => headers.has(name));
  if (stated === undefined) return;
  throw invalidArgument(
    stated,
    headers.get(stated) ?? '',
    `${stated} header is not supported for this operation.`,
  );
}

/** How the object that was read or written is encrypted. `call`: the request, whose digest of the key is shown again. */
export function pushEncryption(
  pairs: HeaderPairs,
  encryption: Encryption | undefined,
  call: Call,
): void {
  if (encryption === undefined) return;
  switch (encryption.by) {
    case 'key-ring':
      pairs.push([SSE, 'AES256']);
      return;
    case 'customer': {
      pairs.push([`${CUSTOMER}-algorithm`, 'AES256']);
      const digest = call.headers.get(`${CUSTOMER}-key-md5`);
      if (digest !== undefined) pairs.push([`${CUSTOMER}-key-MD5`, digest]);
      return;
    }
    default:
      pairs.push([SSE, 'aws:kms'], [KMS_KEY, encryption.shownKeyId]);
      if (encryption.bucketKey !== undefined) pairs.push([BUCKET_KEY, 'true']);
  }
}

/** With the encryption context, as replies to writes show it. */
export function pushNewEncryption(
  pairs: HeaderPairs,
  encryption: Encryption | undefined,
  call: Call,
): void {
  pushEncryption(pairs, encryption, call);
  if (encryption?.by !== 'key-service') return;
  const json = JSON.stringify(encryption.context);
  pairs.push([CONTEXT, Buffer.from(json, 'utf8').toString('base64')]);
}

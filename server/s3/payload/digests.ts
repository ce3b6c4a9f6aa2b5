import { hash } from 'node:crypto';
import { digestOf } from '../../core/digest/checksum.ts';
import { s3Error } from '../codes.ts';
import type { Payload } from './payload.ts';

/** Holds a document to the digests that its client stated; throws `BadDigest`. Objects' bytes are checked by core. */
export function checkDigests(bytes: Uint8Array, payload: Payload): void {
  if (payload.md5 !== undefined && hash('md5', bytes, 'hex') !== payload.md5) {
    throw s3Error('BadDigest');
  }
  for (const { algorithm, value } of payload.expected?.() ?? []) {
    if (Buffer.from(digestOf(algorithm, bytes)).toString('base64') === value) continue;
    throw s3Error(
      'BadDigest',
      `The ${algorithm.toUpperCase()} you specified did not match the calculated checksum.`,
    );
  }
}

import { hash } from 'node:crypto';
import { StoreError } from '../../../base/errors.ts';
import { digestOf } from '../../core/digest/checksum.ts';
import { s3Error } from '../codes.ts';
import type { Payload } from './payload.ts';

/** Holds a document to the digests that its client stated; throws `BadDigest`. Objects' bytes are checked by core. */
export function checkDigests(bytes: Uint8Array, payload: Payload): void {
  if (payload.sha256 !== undefined) {
    const computed = hash('sha256', bytes, 'hex');
    if (computed !== payload.sha256) {
      const detail = { stated: payload.sha256, computed, isPayload: true };
      throw new StoreError('digest-mismatch', 's3', 'the document has another SHA-256', { detail });
    }
  }
  if (payload.md5 !== undefined) {
    const computed = hash('md5', bytes, 'hex');
    if (computed !== payload.md5) {
      // Of an object Amazon shows the digest that it expected in hex; of a document as it was sent.
      throw s3Error('BadDigest', undefined, {
        ExpectedDigest: Buffer.from(payload.md5, 'hex').toString('base64'),
        CalculatedDigest: Buffer.from(computed, 'hex').toString('base64'),
      });
    }
  }
  for (const { algorithm, value } of payload.expected?.() ?? []) {
    if (Buffer.from(digestOf(algorithm, bytes)).toString('base64') === value) continue;
    throw s3Error(
      'BadDigest',
      `The ${algorithm.toUpperCase()} you specified did not match the calculated checksum.`,
    );
  }
}

/** What Amazon tells a client whose signature is not the one that was calculated. */
import type { StoreError } from '../../../base/errors.ts';
import { s3Error } from '../codes.ts';

export interface Mismatch {
  readonly accessKeyId: string;
  readonly stringToSign: string;
  readonly signature: string;
  /** Of Signature Version 4; that of the request also where a chunk is wrong. */
  readonly canonicalRequest: string;
}

/** `SignatureDoesNotMatch`: the client's own texts come back, so that it can compare; no secret is in them. */
export function mismatchError(mismatch: Mismatch): StoreError {
  const { accessKeyId, stringToSign, signature, canonicalRequest } = mismatch;
  return s3Error('SignatureDoesNotMatch', undefined, {
    AWSAccessKeyId: accessKeyId,
    StringToSign: stringToSign,
    SignatureProvided: signature,
    StringToSignBytes: bytesOf(stringToSign),
    CanonicalRequest: canonicalRequest,
    CanonicalRequestBytes: bytesOf(canonicalRequest),
  });
}

/** `41 57 53`; headers are latin1 here, each character the byte that was sent. */
function bytesOf(text: string): string {
  return Buffer.from(text, 'latin1')
    .toString('hex')
    .replace(/..(?!$)/g, '$& ');
}

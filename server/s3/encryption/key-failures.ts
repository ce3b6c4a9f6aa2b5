/** What core says of keys, in Amazon's words. */
import type { StoreError } from '../../../base/errors.ts';
import { isKeyFailure, type KeyFailure } from '../../core/encryption/failures.ts';
import { type S3Code, s3Codes } from '../codes.ts';

const failures: Readonly<Record<KeyFailure, readonly [S3Code, string?]>> = {
  'customer-key-missing': [
    'InvalidRequest',
    'The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object.',
  ],
  // Amazon's documents say 403 for some operations; ceph's suite, which runs against Amazon too, wants 400.
  'customer-key-wrong': [
    'InvalidRequest',
    'The provided encryption parameters did not match the ones used originally.',
  ],
  'customer-key-useless': [
    'InvalidRequest',
    'The encryption parameters are not applicable to this object.',
  ],
  'customer-key-refused': [
    'AccessDenied',
    'Uploads that specify Server Side Encryption with Customer provided keys (SSE-C) are blocked by the configuration of this bucket.',
  ],
  'key-not-found': ['KMS.NotFoundException'],
  'key-disabled': ['KMS.DisabledException'],
  'key-denied': ['AccessDenied', 'The key is not for requests of this account.'],
  'key-unchangeable': ['InvalidRequest'],
};

const missingForPart =
  'The multipart upload initiate requested encryption. Subsequent part requests must include the appropriate encryption parameters.';

/** undefined: the error is about something else. */
export function keyFailureOf(
  error: StoreError,
): { readonly code: S3Code; readonly message: string } | undefined {
  const { reason, keyId } = error.detail;
  if (!isKeyFailure(reason)) return undefined;
  const [code, sentence] = failures[reason];
  if (reason === 'customer-key-missing' && error.op.startsWith('upload.')) {
    return { code, message: missingForPart };
  }
  const message = sentence ?? s3Codes[code].message;
  return { code, message: typeof keyId === 'string' ? `${message} (key ${keyId})` : message };
}

import type { UploadAddress } from '../../core/api.ts';
import { type Call, objectOf } from '../call.ts';
import { invalidArgument, s3Error } from '../codes.ts';
import { parseUploadId } from '../listing-parameters.ts';

/** The upload that `uploadId` names; throws `NoSuchUpload` for text that cannot be one. */
export function uploadOf(call: Call): UploadAddress {
  const text = call.query.get('uploadId') ?? '';
  const parsed = parseUploadId(text);
  if (parsed === undefined) throw s3Error('NoSuchUpload', undefined, { UploadId: text });
  return { ...objectOf(call), uploadId: parsed.uploadId };
}

const MAX_PART_NUMBER = 10_000;

/** 1 to 10,000; throws `InvalidArgument`. */
export function parsePartNumber(text: string | undefined): number {
  const value = text !== undefined && /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (value >= 1 && value <= MAX_PART_NUMBER) return value;
  throw invalidArgument(
    'partNumber',
    text ?? '',
    'Part number must be an integer between 1 and 10000, inclusive',
  );
}

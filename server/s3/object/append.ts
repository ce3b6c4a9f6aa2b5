/** PutObject with `x-amz-write-offset-bytes`: the bytes are added to the object. */
import { type StoreError, isStoreError } from '../../../base/errors.ts';
import type { PutObject } from '../../core/api.ts';
import type { PutOutcome } from '../../core/commands.ts';
import type { Call } from '../call.ts';
import { invalidArgument, s3Error } from '../codes.ts';
import type { RequestHeaders } from '../request-headers.ts';

const OFFSET = 'x-amz-write-offset-bytes';

/** Throws `InvalidArgument`. */
export function readOffset(headers: RequestHeaders): number | undefined {
  const text = headers.get(OFFSET);
  if (text === undefined) return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw invalidArgument(OFFSET, text, 'The write offset must be a number of bytes.');
}

/** `object`: what the request would write without its offset. */
export async function appendObject(
  call: Call,
  object: PutObject,
  offset: number,
): Promise<PutOutcome> {
  const command = { ...object, offset };
  if (offset > 0) refuseDescription(call.headers);
  try {
    return await call.door.core.appendObject(call.context, command);
  } catch (error) {
    throw isStoreError(error, 'invalid-argument') ? asAppendError(error) : error;
  }
}

/** What an object carries is given when it begins; here it would be ignored. */
function refuseDescription(headers: RequestHeaders): void {
  const others = ['x-amz-tagging', 'x-amz-acl', 'x-amz-storage-class', 'x-amz-object-lock-mode'];
  const refused = others.find((name) => headers.has(name));
  if (refused === undefined && headers.metaNames.length === 0) return;
  throw s3Error(
    'InvalidRequest',
    `${refused ?? 'Metadata'} cannot be given for bytes that are appended.`,
  );
}

function asAppendError(error: StoreError): StoreError {
  if (error.detail['argument'] === 'parts') return s3Error('TooManyParts');
  if (error.detail['argument'] !== 'offset') return error;
  return s3Error('InvalidWriteOffset', undefined, {
    ActualObjectSize: Number(error.detail['size'] ?? 0),
  });
}

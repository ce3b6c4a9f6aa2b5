/**
 * A form as S3 takes it: small fields, then one file, whose bytes are passed on as they come. What
 * stands before the file is bounded; after it nothing counts.
 */
import { isStoreError } from '../../../base/errors.ts';
import * as multipart from '../../http/multipart.ts';
import { s3Error } from '../codes.ts';

export interface Form {
  /** By lower-case name. */
  readonly fields: ReadonlyMap<string, string>;
  /** The last component of the name that the client's machine has for the file. */
  readonly filename: string;
  readonly file: AsyncIterable<Uint8Array>;
}

/** "The form data and boundaries (excluding file contents) cannot exceed 20 KB" (HTML form fields, Amazon S3). */
const MAX_FIELDS_BYTES = 20 * 1024;

/** Of a request's Content-Type; throws `PreconditionFailed` for any other type, as Amazon does. */
export function parseBoundary(contentType: string | undefined): string {
  const boundary = multipart.parseBoundary(contentType);
  if (boundary !== undefined) return boundary;
  throw s3Error(
    'PreconditionFailed',
    'Bucket POST must be of the enclosure-type multipart/form-data',
  );
}

/** Reads up to the file; the rest when `file` is read. Throws `MalformedPOSTRequest` and others. */
export async function openForm(body: AsyncIterable<Uint8Array>, boundary: string): Promise<Form> {
  const reader = new multipart.MultipartReader(body, boundary, MAX_FIELDS_BYTES);
  const fields = new Map<string, string>();
  try {
    for (;;) {
      const part = await reader.nextPart();
      if (part === undefined) {
        throw invalidForm('POST requires exactly one file upload per request.');
      }
      const name = part.name.toLowerCase();
      if (name === 'file') {
        return { fields, filename: lastComponent(part.filename ?? ''), file: fileOf(reader) };
      }
      // Which of two would count is what a forger asks, so neither does.
      if (fields.has(name)) throw invalidForm(`The field '${name}' must be given once.`);
      fields.set(name, await reader.readField());
    }
  } catch (error) {
    throw amazonsError(error);
  }
}

function amazonsError(error: unknown): unknown {
  const why = isStoreError(error, 'invalid-argument') ? error.detail['multipart'] : undefined;
  if (why === 'malformed') return s3Error('MalformedPOSTRequest');
  return why === 'too-long' ? s3Error('MaxPostPreDataLengthExceededError') : error;
}

async function* fileOf(reader: multipart.MultipartReader): AsyncGenerator<Uint8Array> {
  yield* reader.readFile();
  await reader.discardRest();
}

function invalidForm(sentence: string): Error {
  return s3Error('InvalidArgument', sentence, { ArgumentName: 'file', ArgumentValue: '' });
}

/** Browsers of old send whole paths, some with backslashes. */
function lastComponent(path: string): string {
  return path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);
}

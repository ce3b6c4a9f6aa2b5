import { isStoreError } from '../../../base/errors.ts';
import type { HttpReply } from '../../http/exchange.ts';
import { checkKeyLength } from '../address.ts';
import { type Call, objectOf } from '../call.ts';
import { invalidArgument, s3Error } from '../codes.ts';
import { readConditionOf, writeCondition } from '../conditions.ts';
import { decodeText } from '../query.ts';

const SOURCE = 'x-amz-rename-source';
const TOKEN = 'x-amz-client-token';

/** RenameObject. One that is repeated with its token succeeds again, although the old name is gone. */
export async function renameObject(call: Call): Promise<HttpReply> {
  const source = parseSource(call);
  try {
    await call.door.core.renameObject(call.context, {
      ...objectOf(call),
      source,
      sourceCondition: readConditionOf(call.headers, 'x-amz-rename-source-'),
      condition: writeCondition(call),
      token: readToken(call.headers.get(TOKEN)),
    });
  } catch (error) {
    // For a rename is no GET.
    if (isStoreError(error, 'not-modified')) throw s3Error('PreconditionFailed');
    if (isStoreError(error, 'invalid-argument') && error.detail['argument'] === 'token') {
      throw s3Error('IdempotencyParameterMismatch');
    }
    throw error;
  }
  return { status: 200, headers: [], body: new Uint8Array(0) };
}

/** It is kept in the object's row. */
function readToken(text: string | undefined): string | undefined {
  if (text === undefined || /^[!-~]{1,64}$/.test(text)) return text;
  throw invalidArgument(TOKEN, text, 'A client token has 1 to 64 characters.');
}

/** A key, or `/bucket/key` of this very bucket; encoded as a URL is. */
function parseSource(call: Call): string {
  const header = call.headers.get(SOURCE);
  if (header === undefined || header === '') {
    throw s3Error('InvalidRequest', `Missing required header for this request: ${SOURCE}`);
  }
  const text = decodeText(header);
  const prefix = `/${call.bucket}/`;
  const isOfBucket = text.startsWith(prefix);
  const key = isOfBucket ? text.slice(prefix.length) : text;
  if (key === '' || (!isOfBucket && key.startsWith('/'))) {
    throw invalidArgument(SOURCE, header, 'The source must be an object of the same bucket.');
  }
  checkKeyLength(key);
  return key;
}

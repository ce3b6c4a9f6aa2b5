/**
 * FormPost: uploads by an HTML form that an owner signed with a TempURL key for a container, or a
 * prefix in it (swift/common/middleware/formpost.py). Files are stored one after the other as they come.
 */
import { isStoreError, StoreError, toStoreError } from '../../../base/errors.ts';
import type { Principal } from '../../core/api.ts';
import type { HttpReply, HttpRequest } from '../../http/exchange.ts';
import { MultipartReader, parseBoundary, type PartHead } from '../../http/multipart.ts';
import type { SwiftDoor } from '../call.ts';
import { errorReply } from '../error-table.ts';
import type { Headers } from '../headers.ts';
import { runInnerPut } from '../object/inner-put.ts';
import { nameText, parsePath, quote, realmOf, type SwiftPath, unquote } from '../path.ts';
import { Refusal, refuse, statusLine, textReply } from '../reply.ts';
import { type FormFields, headersOfFile, integerField, verifyForm } from './form-fields.ts';

/** Of everything but the files: a few fields of at most some kilobytes, and a head a file. */
const MAX_FIELDS_BYTES = 256 * 1024;

export interface FormPost {
  readonly boundary: string;
}

/** undefined: the request is no form. */
export function formOf(request: HttpRequest, headers: Headers): FormPost | undefined {
  if (request.method !== 'POST') return undefined;
  const boundary = parseBoundary(headers.get('content-type'));
  return boundary === undefined ? undefined : { boundary };
}

interface Outcome {
  readonly status: number;
  readonly message: string;
  /** Of a file that was refused. */
  readonly reply?: HttpReply;
}

export async function answerForm(
  door: SwiftDoor,
  request: HttpRequest,
  form: FormPost,
): Promise<HttpReply> {
  const reader = new MultipartReader(request.body(), form.boundary, MAX_FIELDS_BYTES);
  const fields = new Map<string, string>();
  try {
    const outcome = await storeFiles(door, request, { reader, fields });
    return replyOf(fields.get('redirect') ?? '', outcome);
  } catch (error) {
    const detail = isStoreError(error) ? error.detail : {};
    if (detail['formPost'] === true) return unauthorizedForm(request, error);
    if (detail['multipart'] === 'malformed')
      throw refuse(400, 'FormPost: invalid starting boundary');
    throw error;
  }
}

function unauthorizedForm(request: HttpRequest, error: unknown): HttpReply {
  const message = error instanceof Error ? error.message : '';
  const challenge = `Swift realm="${realmOf(request.path)}"`;
  return textReply(401, `FormPost: ${titled(message)}`, [['Www-Authenticate', challenge]]);
}

async function storeFiles(
  door: SwiftDoor,
  request: HttpRequest,
  form: { readonly reader: MultipartReader; readonly fields: Map<string, string> },
): Promise<Outcome> {
  const { reader, fields } = form;
  const path = parsePath(request.path);
  let outcome: Outcome = { status: 400, message: 'no files to process' };
  let count = 0;
  for (let part = await reader.nextPart(); part !== undefined; part = await reader.nextPart()) {
    if (part.filename === undefined || part.filename === '') {
      fields.set(part.name.toLowerCase(), await reader.readField());
      continue;
    }
    count += 1;
    if (count > integerField(fields, 'max_file_count')) {
      return { status: 400, message: 'max file count exceeded' };
    }
    const place = await verifyForm(door, { path, fields, signed: nameText(unquote(request.path)) });
    const reply = await storeFile({ door, request, place }, { part, fields, reader });
    outcome = { status: reply.status, message: '', reply };
    if (reply.status < 200 || reply.status > 299) return outcome;
  }
  return outcome;
}

interface FilePlace {
  readonly door: SwiftDoor;
  readonly request: HttpRequest;
  readonly place: Exclude<SwiftPath, { readonly shape: 'account' }>;
}

/** As a PUT would have been answered. */
async function storeFile(
  { door, request, place }: FilePlace,
  file: { readonly part: PartHead; readonly fields: FormFields; readonly reader: MultipartReader },
): Promise<HttpReply> {
  const { part, fields, reader } = file;
  const { account, container } = place;
  const prefix = place.shape === 'object' ? place.key : '';
  const key = prefix + (part.filename ?? '');
  const principal: Principal = {
    ...{ type: 'temporary', account, user: '', role: 'member' },
    permits: [{ account, container, key, actions: new Set(['object.write']) }],
  };
  const limit = integerField(fields, 'max_file_size');
  const chunks = capped(reader.readFile(), limit);
  try {
    return await runInnerPut({
      ...{ door, request, principal, account, container, key, chunks, size: undefined },
      headers: headersOfFile(part, fields),
      context: { principal, signal: request.signal },
    });
  } catch (error) {
    if (error instanceof Refusal) return error.reply;
    const failure = toStoreError(error, 'swift.form');
    if (failure.detail['formLimit'] === true) throw refuse(400, `FormPost: ${failure.message}`);
    // Only what a PUT would be told: the rest is a failure of the whole request.
    if (failure.kind === 'internal' || failure.kind === 'incomplete-body') throw failure;
    return errorReply(failure);
  }
}

async function* capped(
  chunks: AsyncIterable<Uint8Array>,
  limit: number,
): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > limit) {
      throw new StoreError('too-large', 'swift.form', 'max_file_size exceeded', {
        detail: { formLimit: true },
      });
    }
    yield chunk;
  }
}

/** What the browser shows: where the form says, or the status. */
function replyOf(redirect: string, { status, message, reply }: Outcome): HttpReply {
  if (redirect === '') {
    const isGood = status >= 200 && status <= 299;
    if (!isGood && reply?.body instanceof Uint8Array && reply.body.length > 0) {
      return { status, headers: [['Content-Type', 'text/plain']], body: reply.body };
    }
    const line = statusLine(status);
    return textReply(status, message === '' ? line : `${line}\r\nFormPost: ${titled(message)}`);
  }
  const mark = redirect.includes('?') ? '&' : '?';
  const place = `${redirect}${mark}status=${status}&message=${quote(message)}`;
  const shown = place.replace(/[&<>"]/g, (one) => `&#${one.charCodeAt(0)};`);
  const body = `<html><body><p><a href="${shown}">Click to continue...</a></p></body></html>`;
  return {
    status: 303,
    headers: [
      ['Content-Type', 'text/html; charset=UTF-8'],
      ['Location', Buffer.from(place, 'utf8').toString('latin1')],
    ],
    body: Buffer.from(body, 'utf8'),
  };
}

function titled(message: string): string {
  return message.replace(
    /[a-z]+/gi,
    (word) => word[0]?.toUpperCase() + word.slice(1).toLowerCase(),
  );
}

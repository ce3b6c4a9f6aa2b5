/** The fields of a FormPost: what was signed, and what becomes headers of the files. */
import { StoreError } from '../../../base/errors.ts';
import { headerBytes } from '../../http/exchange.ts';
import type { PartHead } from '../../http/multipart.ts';
import type { SwiftDoorOptions } from '../call.ts';
import type { Headers } from '../headers.ts';
import type { SwiftPath } from '../path.ts';
import { refuse } from '../reply.ts';
import { findSigner, parseSignature } from './signature.ts';

/** By lower-case name. */
export type FormFields = ReadonlyMap<string, string>;

/** 0 when absent or empty. Throws Refusal 400. */
export function integerField(fields: FormFields, name: string): number {
  const text = fields.get(name) ?? '';
  if (text === '') return 0;
  if (/^\s*[+-]?\d+\s*$/.test(text)) return Number(text);
  throw refuse(400, `FormPost: ${name} not an integer`);
}

type Place = Exclude<SwiftPath, { readonly shape: 'account' }>;

/** Where files may go. Throws StoreError `unauthenticated` with detail `formPost`; Refusal 400. */
export async function verifyForm(
  door: SwiftDoorOptions,
  form: { readonly path: SwiftPath; readonly fields: FormFields; readonly signed: string },
): Promise<Place> {
  const { path, fields, signed } = form;
  if (path.shape === 'account') throw refused('invalid signature');
  const { account, container } = path;
  const keys = await door.core.signingKeys({ account, container });
  if (keys.length === 0) throw refused('invalid signature');
  integerField(fields, 'max_file_size');
  if (integerField(fields, 'expires') < door.clock.now() / 1000) throw refused('form expired');
  const or = (name: string, absent: string): string => fields.get(name) || absent;
  const message = [
    signed,
    or('redirect', ''),
    or('max_file_size', '0'),
    or('max_file_count', '0'),
    or('expires', '0'),
  ].join('\n');
  const signature = parseSignature(fields.get('signature') ?? '');
  const isAllowed =
    signature !== undefined && door.settings.tempUrl.digests.includes(signature.digest);
  if (!isAllowed || findSigner(signature, [message], keys) === undefined) {
    throw refused('invalid signature');
  }
  return path;
}

function refused(message: string): StoreError {
  return new StoreError('unauthenticated', 'swift.form', message, { detail: { formPost: true } });
}

/** What a PUT of the file would carry. A field beside the file beats what the browser says of it. */
export function headersOfFile(part: PartHead, fields: FormFields): Headers {
  const headers = new Map<string, string>();
  for (const name of ['content-type', 'content-encoding']) {
    const field = fields.get(name);
    const value = field === undefined ? part.headers.get(name) : headerBytes(field);
    if (value !== undefined && value !== '') headers.set(name, value);
  }
  for (const [field, header] of [
    ['x_delete_at', 'x-delete-at'],
    ['x_delete_after', 'x-delete-after'],
  ] as const) {
    if (!fields.has(field)) continue;
    headers.set(header, String(integerField(fields, field)));
  }
  return headers;
}

/**
 * Headers that change what a request means and are not built: they are answered 501, never
 * ignored (design.md section 1). Values that ask for what happens anyway are let through.
 */
import { invalidArgument, notImplemented } from './codes.ts';
import { encryptionHeaders } from './encryption/headers.ts';
import type { RequestHeaders } from './request-headers.ts';

const always: ReadonlySet<string> = new Set([
  'x-amz-if-match-initiated-time',
  'x-amz-create-session-mode',
  'x-amz-mfa',
]);

const prefixes = [
  'x-amz-server-side-encryption',
  'x-amz-copy-source-server-side-encryption',
] as const;

/** By name: the values (lower case) that ask for nothing else than what is done. */
const harmless: Readonly<Record<string, readonly string[]>> = {
  'x-amz-bucket-namespace': ['global'],
};

/** By name: the operations that obey it. */
const obeyed: Readonly<Record<string, readonly string[]>> = {
  'x-amz-write-offset-bytes': ['PutObject'],
  'x-amz-rename-source': ['RenameObject'],
};

const COPY_SOURCE = 'x-amz-copy-source';
const copies: ReadonlySet<string> = new Set(['CopyObject', 'UploadPartCopy']);

export function refuseUnbuiltHeaders(headers: RequestHeaders, operation: string): void {
  for (const name of headers.amzNames) {
    if (encryptionHeaders.has(name)) continue;
    if (name === COPY_SOURCE && !copies.has(operation)) {
      const message = 'You can only specify a copy source header for copy requests.';
      throw invalidArgument(name, headers.get(name) ?? '', message);
    }
    const operations = Object.hasOwn(obeyed, name) ? obeyed[name] : undefined;
    if (operations?.includes(operation) === false) throw notImplemented(name);
    if (always.has(name) || prefixes.some((prefix) => name.startsWith(prefix))) {
      throw notImplemented(name);
    }
    const values = Object.hasOwn(harmless, name) ? harmless[name] : undefined;
    if (values === undefined) continue;
    const value = headers.get(name) ?? '';
    if (values.includes(value.toLowerCase())) continue;
    throw notImplemented(name);
  }
}

/** What a file of an archive carries as an object: its extended attributes, and some headers of the request. */
import { headerBytes } from '../../http/exchange.ts';
import type { Headers } from '../headers.ts';

/** As star and GNU tar write them; and as libarchive does, in base64. */
const plain = 'SCHILY.xattr.user.';
const encoded = 'LIBARCHIVE.xattr.user.';

export function headersOfFile(
  headers: Headers,
  records: Readonly<Record<string, string>>,
): Headers {
  const made = new Map<string, string>();
  for (const [name, value] of headers) {
    const isKept = name === 'x-delete-at' || name === 'x-delete-after';
    if (isKept || name.startsWith('x-object-meta-')) made.set(name, value);
  }
  for (const prefix of [encoded, plain]) {
    for (const [record, value] of Object.entries(records)) {
      if (!record.startsWith(prefix)) continue;
      const header = headerOf(record.slice(prefix.length));
      if (header === undefined) continue;
      made.set(header, headerBytes(prefix === encoded ? decoded(value) : value));
    }
  }
  return made;
}

function headerOf(attribute: string): string | undefined {
  if (attribute === 'mime_type') return 'content-type';
  if (!attribute.startsWith('meta.')) return undefined;
  return headerBytes(`x-object-meta-${attribute.slice(5)}`).toLowerCase();
}

function decoded(value: string): string {
  return Buffer.from(value, 'base64').toString('utf8');
}

/** A version as the headers of the request that writes it elsewhere. */
import { StoreError } from '../../base/errors.ts';
import type { Checksum, VersionRow } from '../core/model.ts';
import { TAGS } from '../core/metadata.ts';
import { wireOf } from '../http/header-text.ts';

const systemHeaders = [
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'expires',
] as const;

/** What the object bears, besides its bytes and their checksums. */
export function describingHeaders(
  row: VersionRow,
  storageClass: string | undefined,
): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {
    'content-type': wireOf(row.contentType),
    'x-amz-replication-status': 'REPLICA',
  };
  for (const name of systemHeaders) {
    const value = row.system[name];
    if (value !== undefined) headers[name] = wireOf(value);
  }
  for (const [name, value] of Object.entries(row.user)) {
    // Swift's door and old requests may have names that no request of ours could carry.
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) throw unsendable();
    headers[`x-amz-meta-${name}`] = wireOf(value);
  }
  const tags = row.system[TAGS];
  if (tags !== undefined) headers['x-amz-tagging'] = tags;
  const redirect = row.system['s3:website-redirect'];
  if (redirect !== undefined) headers['x-amz-website-redirect-location'] = wireOf(redirect);
  const wanted = storageClass ?? row.storageClass;
  if (wanted !== undefined) headers['x-amz-storage-class'] = wanted;
  return { ...headers, ...lockHeaders(row) };
}

function unsendable(): StoreError {
  const message = 'a name of its metadata cannot stand in a request';
  return new StoreError('invalid-argument', 'replication.send', message);
}

function lockHeaders({ lock }: VersionRow): Readonly<Record<string, string>> {
  if (lock === undefined) return {};
  const { retention, legalHold } = lock;
  return {
    ...(retention === undefined
      ? {}
      : {
          'x-amz-object-lock-mode': retention.mode.toUpperCase(),
          'x-amz-object-lock-retain-until-date': new Date(retention.until).toISOString(),
        }),
    ...(legalHold === true ? { 'x-amz-object-lock-legal-hold': 'ON' } : {}),
  };
}

/** Algorithms that every store of the last years knows. */
const known: ReadonlySet<string> = new Set(['crc32', 'crc32c', 'crc64nvme', 'sha1', 'sha256']);

/** One that covers all of these bytes: the other store checks what it got. */
export function checksumHeaders(checksums: readonly Checksum[]): Readonly<Record<string, string>> {
  const found = checksums.find((one) => one.type === 'full-object' && known.has(one.algorithm));
  return found === undefined ? {} : { [`x-amz-checksum-${found.algorithm}`]: found.value };
}

/** The tags as the document that PutObjectTagging takes. */
export function taggingDocument(tags: string): Uint8Array {
  const escape = (text: string): string =>
    decodeURIComponent(text).replace(/[&<>"]/g, (one) => `&#x${one.charCodeAt(0).toString(16)};`);
  const each = tags.split('&').map((piece) => {
    const [key = '', value = ''] = piece.split('=');
    return `<Tag><Key>${escape(key)}</Key><Value>${escape(value)}</Value></Tag>`;
  });
  return Buffer.from(`<Tagging><TagSet>${each.join('')}</TagSet></Tagging>`, 'utf8');
}

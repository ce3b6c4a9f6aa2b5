/**
 * The document of a static large object (docs/format/manifest.md): which bytes it is made of. Its
 * field names are those that Swift's clients read, so that it is served as it is stored.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { fromUtf8, utf8 } from '../../../base/bytes.ts';
import { StoreError } from '../../../base/errors.ts';

/** Bytes of another object of the same account, which must still be the object that it was. */
export interface ObjectPart {
  readonly type: 'object';
  readonly container: string;
  readonly key: string;
  /** Of the whole object, and as it is shown: hex MD5, of a large object that of its parts' etags. */
  readonly etag: string;
  readonly size: number;
  /** Only these bytes of it, both ends included. */
  readonly range?: { readonly first: number; readonly last: number } | undefined;
  readonly contentType: string;
  /** `formatIso`. */
  readonly lastModified: string;
  /** It is a static large object itself. */
  readonly isManifest: boolean;
}

export interface DataPart {
  readonly type: 'data';
  readonly bytes: Uint8Array;
}

export type ManifestPart = ObjectPart | DataPart;

export function partLength(part: ManifestPart): number {
  if (part.type === 'data') return part.bytes.length;
  return part.range === undefined ? part.size : part.range.last - part.range.first + 1;
}

export function wholeSize(parts: readonly ManifestPart[]): number {
  return parts.reduce((sum, part) => sum + partLength(part), 0);
}

/** Hex MD5 of what stands for each part, as Swift computes it, then a dash and the number of parts, as S3 writes it. */
export function manifestEtag(parts: readonly ManifestPart[]): string {
  const hash = createHash('md5');
  for (const part of parts) {
    if (part.type === 'data') hash.update(createHash('md5').update(part.bytes).digest('hex'));
    else if (part.range === undefined) hash.update(part.etag);
    else hash.update(`${part.etag}:${part.range.first}-${part.range.last};`);
  }
  return `${hash.digest('hex')}-${parts.length}`;
}

export function encodeManifest(parts: readonly ManifestPart[]): Uint8Array {
  return utf8(JSON.stringify(parts.map(encodePart)));
}

function encodePart(part: ManifestPart): z.infer<typeof entrySchema> {
  if (part.type === 'data') return { data: Buffer.from(part.bytes).toString('base64') };
  const { range } = part;
  return {
    name: `/${part.container}/${part.key}`,
    bytes: part.size,
    hash: part.etag,
    content_type: part.contentType,
    last_modified: part.lastModified,
    ...(range === undefined ? {} : { range: `${range.first}-${range.last}` }),
    ...(part.isManifest ? { sub_slo: true as const } : {}),
  };
}

const entrySchema = z.union([
  z.strictObject({ data: z.base64() }),
  z.strictObject({
    name: z.string().regex(/^\/[^/]+\/./s),
    bytes: z.int().nonnegative(),
    hash: z.string(),
    content_type: z.string(),
    last_modified: z.string(),
    range: z
      .string()
      .regex(/^\d+-\d+$/)
      .optional(),
    sub_slo: z.literal(true).optional(),
  }),
]);

const documentSchema = z.array(entrySchema);

/** Throws `corrupt` for bytes that `encodeManifest` cannot have made. */
export function decodeManifest(bytes: Uint8Array): readonly ManifestPart[] {
  try {
    return documentSchema.parse(JSON.parse(fromUtf8(bytes))).map(decodePart);
  } catch (cause) {
    throw new StoreError('corrupt', 'manifest.decode', 'a manifest cannot be read', { cause });
  }
}

function decodePart(entry: z.infer<typeof entrySchema>): ManifestPart {
  if ('data' in entry) return { type: 'data', bytes: Buffer.from(entry.data, 'base64') };
  const slash = entry.name.indexOf('/', 1);
  const [first, last] = entry.range?.split('-').map(Number) ?? [];
  return {
    type: 'object',
    container: entry.name.slice(1, slash),
    key: entry.name.slice(slash + 1),
    etag: entry.hash,
    size: entry.bytes,
    ...(first === undefined || last === undefined ? {} : { range: { first, last } }),
    contentType: entry.content_type,
    lastModified: entry.last_modified,
    isManifest: entry.sub_slo === true,
  };
}

/** `?multipart-manifest=get`: a large object's manifest instead of its bytes. */
import { createHash } from 'node:crypto';
import { concatBytes, utf8 } from '../../../base/bytes.ts';
import type { ObjectReader } from '../../core/api.ts';
import { decodeManifest, type ManifestPart } from '../../core/large/manifest-document.ts';
import type { BodyRef } from '../../core/model.ts';
import type { ObjectCall } from '../call.ts';
import { formatListed } from '../timestamps.ts';

export const manifestType = 'application/json; charset=utf-8';

export function wantsManifest(call: ObjectCall): boolean {
  return call.query.text('multipart-manifest') === 'get';
}

/** `reader` was opened `asManifest`. What is no large object is shown as it is. */
export async function viewManifest(call: ObjectCall, reader: ObjectReader): Promise<ObjectReader> {
  const isRaw = call.query.text('format') === 'raw';
  const { row } = reader;
  if (reader.large === 'static') {
    if (isRaw) return viewBytes(reader, rawManifest(await readManifest(reader)));
    return { ...reader, row: { ...row, contentType: manifestType } };
  }
  const parts = await multipartManifest(call, reader);
  if (parts === undefined) return reader;
  if (isRaw) return viewBytes(reader, rawManifest(parts));
  const shown = viewBytes(reader, utf8(JSON.stringify(parts.map(shownPart))));
  return { ...shown, row: { ...shown.row, contentType: manifestType } };
}

/** The parts of a static large object that was opened `asManifest`. */
export async function readManifest(reader: ObjectReader): Promise<readonly ManifestPart[]> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of reader.read(0, reader.row.size)) chunks.push(chunk);
  return decodeManifest(concatBytes(chunks));
}

/** As it was put: what a client may put again. Keys in alphabetical order, as Swift writes them. */
function rawManifest(parts: readonly ManifestPart[]): Uint8Array {
  const entries = parts.map((part) =>
    part.type === 'data'
      ? { data: Buffer.from(part.bytes).toString('base64') }
      : {
          etag: part.etag,
          path: `/${part.container}/${part.key}`,
          ...rangeField(part),
          size_bytes: part.size,
        },
  );
  return utf8(JSON.stringify(entries));
}

function shownPart(part: ManifestPart): Readonly<Record<string, string | number>> {
  if (part.type === 'data') return { data: Buffer.from(part.bytes).toString('base64') };
  return {
    name: `/${part.container}/${part.key}`,
    bytes: part.size,
    hash: part.etag,
    content_type: part.contentType,
    last_modified: part.lastModified,
  };
}

function rangeField(part: ManifestPart): { readonly range?: string } {
  if (part.type === 'data' || part.range === undefined) return {};
  return { range: `${part.range.first}-${part.range.last}` };
}

function viewBytes(reader: ObjectReader, bytes: Uint8Array): ObjectReader {
  const etag = createHash('md5').update(bytes).digest('hex');
  return {
    ...reader,
    row: { ...reader.row, etag, size: bytes.length },
    read: (start, end) => sliceOf(bytes, start, end),
  };
}

async function* sliceOf(bytes: Uint8Array, start: number, end: number): AsyncGenerator<Uint8Array> {
  yield bytes.slice(start, end);
}

const pageParts = 1000;

/**
 * The parts of a multipart object of the S3 door, named as Swift's own S3 door names its segments.
 * Such names mean no objects here: a client that deletes what it thinks are segments harms nothing.
 */
async function multipartManifest(
  call: ObjectCall,
  reader: ObjectReader,
): Promise<readonly ManifestPart[] | undefined> {
  const { body, contentType } = reader.row;
  if (body.type !== 'parts') return undefined;
  const parts: ManifestPart[] = [];
  let after = 0;
  for (;;) {
    const page = await reader.parts(after, pageParts);
    for (const part of page?.parts ?? []) {
      const { partNumber, etag, size, modifiedAt } = part;
      parts.push({
        ...{ type: 'object', etag, size, contentType, isManifest: false },
        container: `${call.container}+segments`,
        key: `${call.key}/${uploadOf(body)}/${partNumber}`,
        lastModified: formatListed(modifiedAt),
      });
      after = partNumber;
    }
    if (page?.truncated !== true || page.parts.length === 0) return parts;
  }
}

function uploadOf(body: BodyRef): string {
  return body.type === 'parts' ? body.uploadId : '';
}

/** Static large objects: the parts that their document lists, one after the other. */
import { invariant } from '../../../base/invariant.ts';
import type { PartPage, PartView } from '../api.ts';
import type { VersionRow } from '../model.ts';
import { type LargeObject, noSuchPart, type OpenPart, openUnchanged } from './large-object.ts';
import { decodeManifest, type ManifestPart, partLength } from './manifest-document.ts';

interface StaticSource {
  readonly row: VersionRow;
  readonly readDocument: () => Promise<Uint8Array>;
  readonly open: OpenPart;
}

/** The document is read when something of it is needed, and once. */
export function openStatic(source: StaticSource): LargeObject {
  const { row, open } = source;
  let known: Promise<readonly ManifestPart[]> | undefined;
  const parts = (): Promise<readonly ManifestPart[]> =>
    (known ??= source.readDocument().then(decodeManifest));
  return {
    large: 'static',
    row,
    hasLength: true,
    read: async function* (start, end): AsyncGenerator<Uint8Array> {
      yield* readParts(await parts(), open, { start, end });
    },
    viewPart: async (partNumber) => viewPart(await parts(), partNumber, row.size),
    parts: async (after, limit) => pageOf(await parts(), row, { after, limit }),
  };
}

async function* readParts(
  parts: readonly ManifestPart[],
  open: OpenPart,
  range: { readonly start: number; readonly end: number },
): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (const part of parts) {
    if (at >= range.end) return;
    const length = partLength(part);
    const start = Math.max(0, range.start - at);
    const end = Math.min(length, range.end - at);
    at += length;
    if (start >= end) continue;
    if (part.type === 'data') {
      yield part.bytes.slice(start, end);
      continue;
    }
    const reader = await openUnchanged(open, part);
    const offset = part.range?.first ?? 0;
    invariant(offset + end <= reader.row.size, 'the range of a part lies inside of it');
    yield* reader.read(offset + start, offset + end);
  }
}

function viewPart(parts: readonly ManifestPart[], partNumber: number, size: number): PartView {
  const part = parts[partNumber - 1];
  if (part === undefined) throw noSuchPart(partNumber, parts.length, size);
  const start = parts.slice(0, partNumber - 1).reduce((sum, one) => sum + partLength(one), 0);
  const end = start + partLength(part);
  return { partNumber, partsCount: parts.length, start, end, checksums: [] };
}

function pageOf(
  parts: readonly ManifestPart[],
  row: VersionRow,
  page: { readonly after: number; readonly limit: number },
): PartPage {
  const { after, limit } = page;
  const shown = parts.slice(after, after + limit).map((part, i) => ({
    partNumber: after + i + 1,
    size: partLength(part),
    etag: part.type === 'data' ? '' : part.etag,
    modifiedAt: row.modifiedAt,
    checksums: [],
    body: { type: 'empty' } as const,
  }));
  return { count: parts.length, parts: shown, truncated: after + limit < parts.length };
}

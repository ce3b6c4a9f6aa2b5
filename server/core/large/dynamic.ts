/** Dynamic large objects: all objects of a prefix, in the order of the listing, as it is when they are read. */
import { createHash } from 'node:crypto';
import type { ContainerAddress } from '../request.ts';
import { bareEtag, type VersionRow } from '../model.ts';
import type { Page, PageQuery } from '../ports.ts';
import {
  type LargeObject,
  noSuchPart,
  type OpenPart,
  openUnchanged,
  type PartAddress,
} from './large-object.ts';

/** The entry of `system` that makes an object one: `container/prefix`, percent-encoded. Empty: none. */
export const dynamicEntry = 'swift:object-manifest';

export function isDynamic(row: VersionRow): boolean {
  return (row.system[dynamicEntry] ?? '') !== '';
}

export interface DynamicSource {
  readonly row: VersionRow;
  /** Of one listing: a longer one has no known end. */
  readonly maxParts: number;
  readonly open: OpenPart;
  /** With the rights of whoever reads: who may not list the parts may not read the object. */
  readonly list: (
    address: Pick<ContainerAddress, 'container'>,
    query: PageQuery,
  ) => Promise<Page<VersionRow>>;
}

export async function openDynamic(source: DynamicSource): Promise<LargeObject> {
  const { row, open, maxParts } = source;
  const value = decodePercent(row.system[dynamicEntry] ?? '');
  const slash = value.indexOf('/');
  const at = { container: value.slice(0, slash), prefix: value.slice(slash + 1) };
  const known = await listParts(source, at, undefined);
  const hasLength = known.length < maxParts;
  const size = known.reduce((sum, part) => sum + part.size, 0);
  // Of a whole that nobody knows the manifest's own etag is shown.
  const etag = hasLength ? etagOf(known) : row.etag;
  const whole = { ...row, etag, size, checksums: [] };
  return {
    large: 'dynamic',
    row: whole,
    hasLength,
    read: (start, end) => readParts(allParts(source, at, known), open, { start, end }),
    viewPart: (partNumber) => {
      if (partNumber !== 1) return Promise.reject(noSuchPart(partNumber, 1, size));
      const view = { partNumber, partsCount: undefined, start: 0, end: size, checksums: [] };
      return Promise.resolve(view);
    },
    parts: () => Promise.resolve(undefined),
  };
}

interface Prefix {
  readonly container: string;
  readonly prefix: string;
}

/** At most `maxParts`. */
async function listParts(
  source: DynamicSource,
  at: Prefix,
  after: string | undefined,
): Promise<readonly PartAddress[]> {
  const { container, prefix } = at;
  const { maxParts } = source;
  const parts: PartAddress[] = [];
  let last = after;
  while (parts.length < maxParts) {
    const bounds = { prefix, delimiter: '', after: last, before: undefined };
    const limit = maxParts - parts.length;
    const page = await source.list({ container }, { ...bounds, reverse: false, limit });
    for (const item of page.items) {
      if (item.type === 'group') continue;
      const { size, etag } = item.row;
      const shown = item.row.manifest === undefined ? etag : bareEtag(etag);
      // A dynamic object of the prefix, the whole itself perhaps, counts with its own bytes.
      const asManifest = isDynamic(item.row);
      parts.push({ container, key: item.name, size, etag: shown, asManifest });
    }
    last = page.items.at(-1)?.name;
    if (!page.truncated || last === undefined) break;
  }
  return parts;
}

async function* allParts(
  source: DynamicSource,
  at: Prefix,
  known: readonly PartAddress[],
): AsyncGenerator<PartAddress> {
  let page = known;
  for (;;) {
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < source.maxParts) return;
    page = await listParts(source, at, last.key);
  }
}

async function* readParts(
  parts: AsyncIterable<PartAddress>,
  open: OpenPart,
  range: { readonly start: number; readonly end: number },
): AsyncGenerator<Uint8Array> {
  let at = 0;
  for await (const part of parts) {
    const start = Math.max(0, range.start - at);
    const end = Math.min(part.size, range.end - at);
    if (start < end) {
      const reader = await openUnchanged(open, part);
      yield* reader.read(start, end);
    }
    at += part.size;
    if (at >= range.end) return;
  }
}

function etagOf(parts: readonly PartAddress[]): string {
  const hash = createHash('md5');
  for (const { etag } of parts) hash.update(etag);
  return `${hash.digest('hex')}-${parts.length}`;
}

/** Escapes that are no UTF-8 stay as they are: they can name nothing. */
function decodePercent(text: string): string {
  return text.replace(/(?:%[0-9A-Fa-f]{2})+/g, (escapes) => {
    const bytes = Buffer.from(escapes.replaceAll('%', ''), 'hex');
    const decoded = bytes.toString('utf8');
    return Buffer.from(decoded, 'utf8').equals(bytes) ? decoded : escapes;
  });
}

/**
 * Dynamic large objects (swift/common/middleware/dlo.py): `X-Object-Manifest: container/prefix` makes
 * an object show as all objects of that prefix, one after the other in the order of the listing.
 */
import { createHash } from 'node:crypto';
import type { ObjectReader } from '../../core/api.ts';
import type { VersionRow } from '../../core/model.ts';
import { wireOf } from '../../http/header-text.ts';
import type { ObjectCall } from '../call.ts';
import type { Headers } from '../headers.ts';
import { listingLimit } from '../limits.ts';
import { nameText, unquote } from '../path.ts';
import { refuse } from '../reply.ts';
import { openSegment, type Segment } from './segment.ts';

/** The model's name of X-Object-Manifest; its value is kept as it came, percent-encoded. */
export const manifestEntry = 'swift:object-manifest';

/** Throws Refusal 400 unless the header is absent, or `container/prefix`. An empty one removes. */
export function checkManifestHeader(headers: Headers): void {
  const value = headers.get('x-object-manifest');
  if (value === undefined || value === '') return;
  if (!/^[^/?&]+\/[^/?&][^?&]*$/.test(value)) {
    throw refuse(400, 'X-Object-Manifest must be in the format container/prefix');
  }
}

export function isDynamic(row: VersionRow): boolean {
  return (row.system[manifestEntry] ?? '') !== '';
}

export interface DynamicObject {
  /** Its row has the etag and size of the whole, as far as they are known. */
  readonly reader: ObjectReader;
  /** False when there are more segments than one listing shows: then the etag is the manifest's own, and the size that of the segments known. */
  readonly isComplete: boolean;
}

/** Throws what listing the segments throws: who may not list them may not read the object. */
export async function openDynamic(
  call: ObjectCall,
  manifest: ObjectReader,
): Promise<DynamicObject> {
  const { row } = manifest;
  const value = nameText(unquote(wireOf(row.system[manifestEntry] ?? '')));
  const slash = value.indexOf('/');
  const at = { container: value.slice(0, slash), prefix: value.slice(slash + 1) };
  const known = await listSegments(call, at, undefined);
  const isComplete = known.length < listingLimit;
  const etag = isComplete ? etagOf(known) : row.etag;
  const size = known.reduce((sum, segment) => sum + segment.size, 0);
  const read = (start: number, end: number): AsyncIterable<Uint8Array> =>
    readSegments(call, allSegments(call, at, known), { start, end });
  return { reader: { ...manifest, row: { ...row, etag, size }, read }, isComplete };
}

interface Prefix {
  readonly container: string;
  readonly prefix: string;
}

/** At most as many as one listing shows. */
async function listSegments(
  call: ObjectCall,
  at: Prefix,
  after: string | undefined,
): Promise<readonly Segment[]> {
  const { core } = call.door;
  const { container, prefix } = at;
  const address = { account: call.account, container };
  const segments: Segment[] = [];
  let last = after;
  while (segments.length < listingLimit) {
    const limit = Math.min(core.limits.maxPageItems, listingLimit - segments.length);
    const bounds = { prefix, delimiter: '', after: last, before: undefined };
    const query = { ...bounds, reverse: false, limit };
    const { page } = await core.listObjects(call.context, address, query);
    for (const item of page.items) {
      if (item.type === 'group') continue;
      segments.push({ container, key: item.name, size: item.row.size, etag: item.row.etag });
    }
    last = page.items.at(-1)?.name;
    if (!page.truncated || last === undefined) break;
  }
  return segments;
}

async function* allSegments(
  call: ObjectCall,
  at: Prefix,
  known: readonly Segment[],
): AsyncGenerator<Segment> {
  let page = known;
  for (;;) {
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < listingLimit) return;
    page = await listSegments(call, at, last.key);
  }
}

/** Bytes [start, end) of the segments together. */
async function* readSegments(
  call: ObjectCall,
  segments: AsyncIterable<Segment>,
  range: { readonly start: number; readonly end: number },
): AsyncGenerator<Uint8Array> {
  let at = 0;
  for await (const segment of segments) {
    const start = Math.max(0, range.start - at);
    const end = Math.min(segment.size, range.end - at);
    if (start < end) {
      const reader = await openSegment(call, segment);
      yield* reader.read(start, end);
    }
    at += segment.size;
    if (at >= range.end) return;
  }
}

function etagOf(segments: readonly Segment[]): string {
  const hash = createHash('md5');
  for (const { etag } of segments) hash.update(etag);
  return hash.digest('hex');
}

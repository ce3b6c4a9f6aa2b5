import { StoreError } from '../../../base/errors.ts';
import { invariant } from '../../../base/invariant.ts';
import type { BodyRef, Id, PartRun } from '../model.ts';
import type { Services } from '../services.ts';

export interface BodySource {
  readonly containerId: Id;
  readonly key: string;
  readonly body: BodyRef;
  /** The row's inline body, if it was read with it. */
  readonly inline: Uint8Array | undefined;
}

/** Bytes [start, end) of a version or part; parts are looked up as the stream reaches them. */
export async function* readSource(
  services: Services,
  source: BodySource,
  range: { readonly start: number; readonly end: number },
): AsyncGenerator<Uint8Array> {
  const { start, end } = range;
  if (start >= end) return;
  const { body, inline } = source;
  switch (body.type) {
    case 'empty':
      return;
    case 'inline':
      if (inline === undefined) {
        throw new StoreError('unavailable', 'object.read', 'the inline body was not read');
      }
      yield inline.subarray(start, end);
      return;
    case 'stored':
      yield* services.bodies.read(body.stored, start, end);
      return;
    default:
      yield* readParts(services, { ...source, uploadId: body.uploadId, runs: body.runs }, range);
  }
}

async function* readParts(
  services: Services,
  source: BodySource & { readonly uploadId: Id; readonly runs: readonly PartRun[] },
  range: { readonly start: number; readonly end: number },
): AsyncGenerator<Uint8Array> {
  const { containerId, key, uploadId } = source;
  let base = 0;
  for (const run of source.runs) {
    const runEnd = base + run.count * run.size;
    const first =
      run.size === 0 ? run.count : Math.max(0, Math.floor((range.start - base) / run.size));
    for (let place = first; place < run.count; place++) {
      const partStart = base + place * run.size;
      if (partStart >= range.end) return;
      const partNumber = run.first + place;
      const found = await services.rows.getWithBody('part', {
        containerId,
        key,
        uploadId,
        partNumber,
      });
      if (found === undefined) {
        // Replaced or deleted for longer than the grace: a slow reader. Nothing is damaged.
        throw new StoreError('unavailable', 'object.read', 'a part was released meanwhile', {
          detail: { partNumber },
        });
      }
      invariant(found.row.size === run.size, 'a part has the size that its run says');
      yield* readSource(
        services,
        { containerId, key, body: found.row.body, inline: found.body },
        {
          start: Math.max(0, range.start - partStart),
          end: Math.min(run.size, range.end - partStart),
        },
      );
    }
    base = runEnd;
  }
}

/** Where a part lies in the object, and how many parts there are; undefined when there is no such part. */
export function partSpan(
  runs: readonly PartRun[],
  wanted: number,
):
  | {
      readonly partNumber: number;
      readonly start: number;
      readonly end: number;
      readonly count: number;
    }
  | undefined {
  let base = 0;
  let count = 0;
  let found: { partNumber: number; start: number; end: number } | undefined;
  for (const run of runs) {
    const place = wanted - run.first;
    if (place >= 0 && place < run.count) {
      const start = base + place * run.size;
      found = { partNumber: wanted, start, end: start + run.size };
    }
    base += run.count * run.size;
    count += run.count;
  }
  return found === undefined ? undefined : { ...found, count };
}

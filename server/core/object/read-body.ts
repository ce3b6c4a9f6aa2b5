import { StoreError } from '../../../base/errors.ts';
import { invariant } from '../../../base/invariant.ts';
import type { ObjectKey } from '../encryption/object-key.ts';
import { openBody, type SealedRange, sealedSize } from '../encryption/sealed-body.ts';
import { bodyKeyOf } from '../encryption/wrapped-key.ts';
import type { BodyRef, Id, PartRun } from '../model.ts';
import type { Services } from '../services.ts';

export interface BodySource {
  readonly containerId: Id;
  readonly key: string;
  readonly body: BodyRef;
  /** Plain bytes. */
  readonly size: number;
  /** The row's inline body, if it was read with it. */
  readonly inline: Uint8Array | undefined;
  /** Of an encrypted object: its sealed bodies open with it. */
  readonly objectKey: ObjectKey | undefined;
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
    case 'inline': {
      if (inline === undefined) {
        throw new StoreError('unavailable', 'object.read', 'the inline body was not read');
      }
      const read = (from: number, to: number): readonly Uint8Array[] => [inline.subarray(from, to)];
      yield* readKept(source, { range, read, keptBytes: inline.length });
      return;
    }
    case 'stored': {
      const { stored } = body;
      const read = (from: number, to: number): AsyncIterable<Uint8Array> =>
        services.bodies.read(stored, from, to);
      yield* readKept(source, { range, read, keptBytes: stored.size });
      return;
    }
    default:
      yield* readParts(services, { ...source, uploadId: body.uploadId, runs: body.runs }, range);
  }
}

/** The one place where what was sealed is opened. */
async function* readKept(
  { body, size, objectKey }: BodySource,
  kept: {
    readonly range: { readonly start: number; readonly end: number };
    readonly read: SealedRange['read'];
    readonly keptBytes: number;
  },
): AsyncGenerator<Uint8Array> {
  const { range, read, keptBytes } = kept;
  const salt = 'salt' in body ? body.salt : undefined;
  if (salt === undefined) {
    yield* read(range.start, range.end);
    return;
  }
  if (objectKey === undefined || keptBytes !== sealedSize(size)) {
    throw new StoreError('corrupt', 'object.read', 'a sealed body does not fit its row');
  }
  const key = bodyKeyOf(objectKey.secret, Buffer.from(salt, 'base64'));
  yield* openBody(key, { ...range, plainSize: size, read });
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
        {
          ...{ containerId, key, objectKey: source.objectKey },
          ...{ body: found.row.body, size: found.row.size, inline: found.body },
        },
        {
          start: Math.max(0, range.start - partStart),
          end: Math.min(run.size, range.end - partStart),
        },
      );
    }
    base = runEnd;
  }
}

/** The nth part of an object: the number under which it was uploaded, which may leave gaps, and where it lies. Undefined when it has not so many. */
export function nthPart(
  runs: readonly PartRun[],
  nth: number,
): { readonly partNumber: number; readonly start: number; readonly end: number } | undefined {
  let [before, base] = [0, 0];
  for (const { first, count, size } of runs) {
    const place = nth - before - 1;
    if (place >= 0 && place < count) {
      const start = base + place * size;
      return { partNumber: first + place, start, end: start + size };
    }
    before += count;
    base += count * size;
  }
  return undefined;
}

/** Whether a part that was uploaded under this number is one of the object's. */
export function hasPart(runs: readonly PartRun[], partNumber: number): boolean {
  return runs.some(({ first, count }) => partNumber >= first && partNumber < first + count);
}

/** How many parts there are. */
export function countParts(runs: readonly PartRun[]): number {
  return runs.reduce((sum, run) => sum + run.count, 0);
}

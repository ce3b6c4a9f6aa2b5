import { createHash } from 'node:crypto';
import { isStoreError } from '../../../base/errors.ts';
import { silentLogger } from '../../../base/log.ts';
import type {
  Core,
  CoreLimits,
  IncomingBody,
  ObjectReader,
  PutObject,
} from '../../../server/core/api.ts';
import type { RequestContext } from '../../../server/core/request.ts';
import { createCore } from '../../../server/core/core.ts';
import type { PageQuery, RowStore } from '../../../server/core/ports.ts';
import { MemoryKeys } from '../../memory/keys.ts';
import {
  type MemoryPorts,
  ManualClock,
  createMemoryPorts,
  seededRandom,
} from '../../memory/ports.ts';

export const INLINE_BYTES = 16;
export const MIN_PART_BYTES = 8;
export const GRACE_MILLIS = 60_000;

export const account = 'AUTH_test';
export const owner: RequestContext = {
  principal: { type: 'user', account, user: 'tester', role: 'owner' },
};
export const stranger: RequestContext = {
  principal: { type: 'user', account: 'AUTH_other', user: 'other', role: 'owner' },
};

export interface Fixture extends MemoryPorts {
  readonly core: Core;
  readonly clock: ManualClock;
  readonly keys: MemoryKeys;
}

/** Small limits, so that small bodies take every path. `wrap` may put something between core and its rows. */
export function createFixture(
  wrap: (rows: RowStore) => RowStore = (rows) => rows,
  limits: Partial<CoreLimits> = {},
  bounds: { readonly maxFeedEvents?: number; readonly expiredKeptMillis?: number } = {},
): Fixture {
  const clock = new ManualClock();
  const random = seededRandom('core');
  const ports = createMemoryPorts({
    ...{ clock, random, releaseGraceMillis: GRACE_MILLIS },
    ...bounds,
  });
  const keys = new MemoryKeys(seededRandom('keys'));
  const core = createCore({
    rows: wrap(ports.rows),
    bodies: ports.bodies,
    clock,
    random,
    logger: silentLogger,
    limits: { inlineBytes: INLINE_BYTES, minPartBytes: MIN_PART_BYTES, ...limits },
    keys,
  });
  return { core, clock, keys, ...ports };
}

export async function* chunksOf(...chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) {
    await Promise.resolve();
    yield chunk;
  }
}

export function bodyOf(bytes: Uint8Array, more: Partial<IncomingBody> = {}): IncomingBody {
  const middle = bytes.length >>> 1;
  const chunks = [bytes.slice(0, middle), bytes.slice(middle)].filter((chunk) => chunk.length > 0);
  return { chunks: chunksOf(...chunks), size: bytes.length, ...more };
}

export function putCommand(
  container: string,
  key: string,
  bytes: Uint8Array,
  more: Partial<PutObject> = {},
): PutObject {
  return {
    account,
    container,
    key,
    body: bodyOf(bytes),
    contentType: 'text/plain',
    system: {},
    user: {},
    condition: {},
    ...more,
  };
}

export async function createContainer(
  core: Core,
  container: string,
  versioning: 'off' | 'enabled' | 'suspended' = 'off',
): Promise<string> {
  const { info } = await core.createContainer(
    owner,
    { account, container },
    { claimName: 'if-free', policy: undefined, settings: {}, versioning },
  );
  return info.containerId;
}

export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const chunk of chunks) pieces.push(chunk);
  return Buffer.concat(pieces);
}

export async function readAll(reader: ObjectReader): Promise<Uint8Array> {
  return collect(reader.read(0, reader.row.size));
}

export function text(value: string): Uint8Array {
  return Buffer.from(value);
}

export function md5(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex');
}

/** The kind of the StoreError that the promise rejects with; `fulfilled` when it does not. Anything else fails the test. */
export async function kindOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'fulfilled';
  } catch (error) {
    if (isStoreError(error)) return error.kind;
    throw error;
  }
}

export function pageQuery(more: Partial<PageQuery> = {}): PageQuery {
  return {
    prefix: '',
    delimiter: '',
    after: undefined,
    before: undefined,
    reverse: false,
    limit: 1000,
    ...more,
  };
}

/** What the reaper does with the queue rows that are due, in memory. */
export async function reap(fixture: Fixture): Promise<void> {
  const { rows, bodies, clock } = fixture;
  for (;;) {
    const due = rows.rowsOf('queue').filter(({ key }) => key.dueAt <= clock.now());
    const jobs = due.filter(({ row }) => row.type === 'release' || row.type === 'release-parts');
    if (jobs.length === 0) return;
    for (const { key, row } of jobs) {
      if (row.type === 'release') {
        bodies.stored.delete(row.stored.objectId);
      } else if (row.type === 'release-parts') {
        const { containerId, key: name, uploadId, keep } = row;
        const at = { containerId, key: name, uploadId };
        const { parts } = await rows.listParts(at, 0, 20_000);
        const partNumbers = parts
          .map((part) => part.partNumber)
          .filter((n) => !keep.some((run) => n >= run.first && n < run.first + run.count));
        await rows.execute({ type: 'parts.release', ...at, partNumbers });
        if (row.dropUpload) await rows.execute({ type: 'upload.forget', ...at });
      }
      await rows.execute({ type: 'queue.done', containerId: '', dueAt: key.dueAt, id: key.id });
    }
  }
}

/** Object ids of every stored body that a row refers to. */
export function referredBodies(fixture: Fixture): readonly string[] {
  const { rows } = fixture;
  const all = [...rows.rowsOf('current'), ...rows.rowsOf('version'), ...rows.rowsOf('part')];
  return all
    .flatMap(({ row }) => (row.body.type === 'stored' ? [row.body.stored.objectId] : []))
    .sort();
}

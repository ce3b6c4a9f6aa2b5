/** Concurrent clients of core: each does one random operation after the other and notes what it saw. */
import { createHash } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import { isStoreError, type StoreError } from '../../base/errors.ts';
import type { Core, ObjectReader, VersionPage } from '../../server/core/api.ts';
import type { RequestContext } from '../../server/core/request.ts';
import { type VersionRow, versionIdOf } from '../../server/core/model.ts';
import {
  type Event,
  type KeyState,
  type Operation,
  type PutCondition,
  stateOf,
} from './history.ts';
import type { SeededRandom } from './random.ts';
/** What a process offers to clients while it lives. */
export interface Reachable {
  readonly core: Core;
  /** Resolves when this process dies or stops. */
  readonly ended: Promise<void>;
}

export interface ClientWorld {
  readonly clock: { monotonic(): number };
  /** Of all operations the share that only read; undefined: as it comes. */
  readonly readShare?: number;
  /** The time by which objects expire; undefined where machines disagree on it. */
  readonly wall?: Pick<Clock, 'now' | 'sleep'>;
  trace(line: string): void;
}

export const context: RequestContext = {
  principal: { type: 'user', account: 'AUTH_sim', user: 'sim', role: 'owner' },
};
export const address: { readonly account: string; readonly container: string } = {
  account: 'AUTH_sim',
  container: 'things',
};
export const keys: readonly string[] = ['a', 'a/', 'a/b', 'b', 'ü'];

/** Around the thresholds: empty, inline, one unit, one stripe, several stripes. */
const sizes = [0, 1, 255, 256, 257, 1000, 4095, 4096, 4097, 8192, 12_289, 20_000];

export class Violation extends Error {}

async function* chunksOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 3000) yield bytes.slice(at, at + 3000);
}

function md5(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex');
}

/** Errors after which nobody knows whether the write happened (or will). */
function leavesDoubt(error: StoreError): boolean {
  return ['unavailable', 'full', 'timeout', 'cancelled', 'conflict', 'stale-epoch'].includes(
    error.kind,
  );
}

export class Clients {
  readonly histories: ReadonlyMap<string, Event[]> = new Map<string, Event[]>(
    keys.map((key) => [key, []]),
  );
  /** By etag: what each write wrote. */
  readonly bodies: Map<string, Uint8Array> = new Map();
  readonly counts: { ok: number; refused: number; unknown: number } = {
    ok: 0,
    refused: 0,
    unknown: 0,
  };
  readonly #world: ClientWorld;
  #posts = 0;
  readonly #random: SeededRandom;

  constructor(world: ClientWorld, random: SeededRandom) {
    this.#world = world;
    this.#random = random;
  }

  /** One random operation; resolves also when the process died under it. */
  async act(running: Reachable): Promise<void> {
    const key = this.#random.pick(keys);
    const { readShare } = this.#world;
    const reads = readShare !== undefined && this.#random.chance(readShare);
    // The last fifth of all operations only read.
    const roll = reads ? 0.8 + 0.2 * this.#random.fraction() : this.#random.fraction();
    if (roll < 0.3) await this.#put(running, key, { type: 'none' });
    else if (roll < 0.4) await this.#put(running, key, { type: 'absent' });
    else if (roll < 0.5) await this.#put(running, key, this.#someMatch(key));
    else if (roll < 0.58) await this.#multipart(running, key);
    else if (roll < 0.68) await this.#delete(running, key);
    else if (roll < 0.73) await this.#post(running, key);
    else if (roll < 0.78) await this.#putThatExpires(running);
    else if (roll < 0.93) await this.read(running, key);
    else await this.list(running);
  }

  #someMatch(key: string): PutCondition {
    const etags = (this.histories.get(key) ?? []).flatMap(({ operation }) =>
      operation.type === 'put' ? [operation.etag] : [],
    );
    const etag = etags.at(-1 - this.#random.below(2)) ?? 'ffffffffffffffffffffffffffffffff';
    return { type: 'match', etag };
  }

  #note(keysOf: string, event: Event): void {
    this.histories.get(keysOf)?.push(event);
    this.counts[event.outcome]++;
    const { outcome, operation } = event;
    this.#world.trace(`${keysOf} ${operation.type} ${JSON.stringify(operation)} ${outcome}`);
  }

  /** Runs `work` until it ends or the process dies; 'dead' also for what dead code threw. */
  async #during<T>(running: Reachable, work: Promise<T>): Promise<T | 'dead'> {
    work.catch(() => undefined);
    return Promise.race([work, running.ended.then(() => 'dead' as const)]);
  }

  /** Notes a write with its outcome. */
  async #write(
    at: { readonly running: Reachable; readonly key: string; readonly operation: Operation },
    work: Promise<Operation>,
  ): Promise<void> {
    const { running, key, operation } = at;
    const start = this.#world.clock.monotonic();
    const unknown: Event = { start, end: Number.POSITIVE_INFINITY, outcome: 'unknown', operation };
    try {
      const done = await this.#during(running, work);
      const end = this.#world.clock.monotonic();
      if (done === 'dead') this.#note(key, unknown);
      else this.#note(key, { start, end, outcome: 'ok', operation: done });
    } catch (error) {
      if (!isStoreError(error)) throw error;
      const end = this.#world.clock.monotonic();
      if (error.kind === 'precondition-failed' || error.kind === 'no-such-object') {
        this.#note(key, { start, end, outcome: 'refused', operation });
      } else if (leavesDoubt(error)) {
        this.#world.trace(`doubt ${error.kind} ${error.message}`);
        this.#note(key, unknown);
      } else throw error;
    }
  }

  #newBody(etag: (bytes: Uint8Array) => string): { bytes: Uint8Array; etag: string } {
    const size = this.#random.chance(0.8) ? this.#random.pick(sizes) : this.#random.below(20_001);
    const bytes = this.#random.bytes(size);
    const tag = etag(bytes);
    this.bodies.set(tag, bytes);
    return { bytes, etag: tag };
  }

  async #put(running: Reachable, key: string, condition: PutCondition): Promise<void> {
    const { bytes, etag } = this.#newBody(md5);
    const operation: Operation = { type: 'put', etag, condition };
    const work = running.core.putObject(context, {
      ...{ ...address, key, system: {}, user: {} },
      body: { chunks: chunksOf(bytes), size: bytes.length },
      contentType: 'text/plain',
      condition:
        condition.type === 'absent'
          ? { ifNoneMatch: '*' }
          : condition.type === 'match'
            ? { ifMatch: [condition.etag] }
            : {},
    });
    await this.#write(
      { running, key, operation },
      work.then(() => operation),
    );
  }

  /** Only Complete changes the key: what comes before it may fail without a trace. */
  async #multipart(running: Reachable, key: string): Promise<void> {
    const { core } = running;
    const count = 1 + this.#random.below(3);
    const parts = Array.from({ length: count }, () => this.#random.bytes(this.#random.pick(sizes)));
    const digests = parts.map((part) => createHash('md5').update(part).digest());
    const etag = `${md5(Buffer.concat(digests))}-${count}`;
    this.bodies.set(etag, Buffer.concat(parts));
    const upload = async (): Promise<string> => {
      const { uploadId } = await core.createUpload(context, {
        ...{ ...address, key, system: {}, user: {} },
        contentType: 'text/plain',
      });
      await Promise.all(
        parts.map((part, place) =>
          core.putPart(context, {
            ...{ ...address, key, uploadId, partNumber: place + 1 },
            body: { chunks: chunksOf(part), size: part.length },
          }),
        ),
      );
      return uploadId;
    };
    let uploadId: string;
    try {
      uploadId = await this.#during(running, upload());
    } catch (error) {
      if (isStoreError(error) && leavesDoubt(error)) return;
      throw error;
    }
    if (uploadId === 'dead') return;
    const operation: Operation = { type: 'put', etag, condition: { type: 'none' } };
    const work = core.completeUpload(context, {
      ...{ ...address, key, uploadId, condition: {} },
      parts: digests.map((digest, place) => ({
        partNumber: place + 1,
        etag: digest.toString('hex'),
      })),
    });
    await this.#write(
      { running, key, operation },
      work.then(() => operation),
    );
  }

  async #delete(running: Reachable, key: string): Promise<void> {
    const work = running.core.deleteObject(context, { ...address, key, condition: {} });
    await this.#write(
      { running, key, operation: { type: 'delete', seen: undefined } },
      work.then(({ deleted }) => ({ type: 'delete', seen: deleted && stateOfRow(deleted) })),
    );
  }

  /** Swift's POST. */
  async #post(running: Reachable, key: string): Promise<void> {
    const metadata = `${++this.#posts}`;
    const operation: Operation = { type: 'post', metadata };
    const work = running.core.updateObject(context, { ...address, key }, { user: { n: metadata } });
    await this.#write(
      { running, key, operation },
      work.then(() => operation),
    );
  }

  /** A key of its own, which is there until its time comes, and then to nobody. */
  async #putThatExpires(running: Reachable): Promise<void> {
    const { wall } = this.#world;
    if (wall === undefined) return;
    const key = `brief/${++this.#posts}`;
    const { bytes } = this.#newBody(md5);
    const expiresAt = wall.now() + 50 + this.#random.below(2000);
    const at = { ...address, key, system: {}, user: {}, contentType: 'text/plain', expiresAt };
    try {
      const put = running.core.putObject(context, {
        ...at,
        body: { chunks: chunksOf(bytes), size: bytes.length },
        condition: {},
      });
      if ((await this.#during(running, put)) === 'dead') return;
      const early = await this.#during(running, readWhole(running.core, key));
      if (early === 'dead') return;
      if (early === undefined && wall.now() < expiresAt) {
        throw new Violation(`${key} went before its time`);
      }
      const waiting = wall.sleep(Math.max(0, expiresAt - wall.now()) + 1);
      if ((await this.#during(running, waiting)) === 'dead') return;
      const late = await this.#during(running, readWhole(running.core, key));
      if (late !== 'dead' && late !== undefined) throw new Violation(`${key} outlived its time`);
    } catch (error) {
      if (!isStoreError(error) || !leavesDoubt(error)) throw error;
    }
  }

  /** GET, every byte. Throws Violation for bytes that nobody wrote; resolves with an error that the faults allow. */
  async read(running: Reachable, key: string): Promise<StoreError | undefined> {
    const start = this.#world.clock.monotonic();
    try {
      const seen = await this.#during(running, readWhole(running.core, key));
      if (seen === 'dead') return undefined;
      this.#sawState(key, start, seen && stateOf(seen.etag, seen.metadata));
      if (seen === undefined) return undefined;
      const written = this.bodies.get(seen.etag);
      if (written === undefined || Buffer.compare(written, seen.bytes) !== 0) {
        throw new Violation(
          `${key}: ${seen.bytes.length} bytes that are not those of ${seen.etag}`,
        );
      }
      return undefined;
    } catch (error) {
      if (!isStoreError(error) || !leavesDoubt(error)) throw error;
      this.#world.trace(`${key} read failed ${error.kind} ${error.message}`);
      this.counts.unknown++;
      return error;
    }
  }

  #sawState(key: string, start: number, seen: KeyState): void {
    const end = this.#world.clock.monotonic();
    this.#note(key, { start, end, outcome: 'ok', operation: { type: 'read', seen } });
  }

  /** All versions of the keys that histories speak of, in pages. */
  async versions(running: Reachable): Promise<readonly ListedVersion[]> {
    const found: ListedVersion[] = [];
    let at: { after?: string; afterVersionId?: string } = {};
    for (;;) {
      const query = { prefix: '', delimiter: '', after: undefined, before: undefined, ...at };
      const listing = running.core.listVersions(context, address, {
        ...{ ...query, reverse: false, limit: 7 },
      });
      const page = await listing;
      for (const item of page.items) {
        if (item.type === 'row' && keys.includes(item.name)) found.push(item);
      }
      const last = page.items.at(-1);
      if (!page.truncated || last?.type !== 'row') return found;
      at = { after: last.name, afterVersionId: versionIdOf(last.row) };
    }
  }

  async readVersion(running: Reachable, key: string, row: VersionRow): Promise<void> {
    const versionId = versionIdOf(row);
    const seen = await readWhole(running.core, key, versionId);
    const written = this.bodies.get(row.etag);
    if (seen !== undefined && written !== undefined && Buffer.compare(written, seen.bytes) === 0) {
      return;
    }
    throw new Violation(`${key} version ${versionId} is not what was written`);
  }

  /** LIST is a read of every key. Returns what it saw; undefined when it failed. */
  async list(running: Reachable): Promise<ReadonlyMap<string, string> | undefined> {
    const start = this.#world.clock.monotonic();
    try {
      const query = { prefix: '', delimiter: '', after: undefined, before: undefined };
      const listing = running.core.listObjects(context, address, {
        ...{ ...query, reverse: false, limit: 1000 },
      });
      const seen = await this.#during(running, listing);
      if (seen === 'dead') return undefined;
      const found = new Map(
        seen.page.items.flatMap((item) =>
          item.type === 'row' ? [[item.name, item.row.etag]] : [],
        ),
      );
      const states = new Map(
        seen.page.items.flatMap((item) =>
          item.type === 'row' ? [[item.name, stateOfRow(item.row)]] : [],
        ),
      );
      for (const key of keys) this.#sawState(key, start, states.get(key));
      return found;
    } catch (error) {
      if (!isStoreError(error) || !leavesDoubt(error)) throw error;
      return undefined;
    }
  }
}

type ListedVersion = Extract<VersionPage['items'][number], { readonly type: 'row' }>;

interface Seen {
  readonly etag: string;
  readonly metadata: string | undefined;
  readonly bytes: Uint8Array;
}

async function readWhole(core: Core, key: string, versionId?: string): Promise<Seen | undefined> {
  let reader: ObjectReader;
  try {
    reader = await core.openObject(context, { ...address, key, versionId, condition: {} });
  } catch (error) {
    if (isStoreError(error, 'no-such-object')) return undefined;
    // The newest version is a marker: for whoever asks for no version, there is nothing.
    if (isStoreError(error, 'is-delete-marker') && versionId === undefined) return undefined;
    throw error;
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of reader.read(0, reader.row.size)) chunks.push(chunk);
  const { etag, user } = reader.row;
  return { etag, metadata: user['n'], bytes: Buffer.concat(chunks) };
}

function stateOfRow(row: Pick<VersionRow, 'etag' | 'user'>): string {
  return stateOf(row.etag, row.user['n']);
}

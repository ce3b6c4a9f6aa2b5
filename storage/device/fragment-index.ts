/**
 * Where each fragment of a device lies, in its ordered key-value store (docs/format/volume.md).
 * The store is shared with other layers: only keys that begin with `f` and `v` are ours.
 */
import type { AbstractLevel } from 'abstract-level';
import { StoreError } from '../../base/errors.ts';
import { fragmentIndex } from '../../base/units.ts';
import type { FragmentId } from '../fragment/fragment.ts';

/** `level` in production, `memory-level` in tests; opened and closed by whoever injects it. */
export type KeyValueStore = AbstractLevel<string | Buffer | Uint8Array, Uint8Array, Uint8Array>;

export interface FragmentPlace {
  readonly volume: number;
  readonly page: number;
  readonly unitLength: number;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

export interface IndexedFragment {
  readonly id: FragmentId;
  readonly place: FragmentPlace;
}

export interface VolumeUsage {
  readonly pages: number;
  readonly livePages: number;
}

const fragmentPrefix = 0x66;
const volumePrefix = 0x76;
const usageSuffix = 0x75;
const checkpointSuffix = 0x63;
const valueVersion = 1;
const fragmentKeyBytes = 22;
const views = { keyEncoding: 'view', valueEncoding: 'view' } as const;
const syncedViews = { ...views, sync: true } as const;

export function fragmentKey(id: FragmentId): Uint8Array {
  const key = Buffer.allocUnsafe(fragmentKeyBytes);
  key[0] = fragmentPrefix;
  key.write(id.objectId, 1, 'hex');
  key.writeUInt32BE(id.stripe, 17);
  key[21] = id.index;
  return key;
}

function idOfKey(key: Uint8Array): FragmentId {
  const bytes = Buffer.from(key.buffer, key.byteOffset, key.length);
  if (bytes.length !== fragmentKeyBytes) throw damaged('a fragment key has a wrong length');
  return {
    objectId: bytes.toString('hex', 1, 17),
    stripe: bytes.readUInt32BE(17),
    index: fragmentIndex(bytes.readUInt8(21)),
  };
}

function damaged(why: string): StoreError {
  return new StoreError('corrupt', 'fragment-index', `the fragment index is damaged: ${why}`);
}

function encodePlace(place: FragmentPlace): Uint8Array {
  const value = Buffer.allocUnsafe(21);
  value[0] = valueVersion;
  value.writeUInt32BE(place.volume, 1);
  value.writeUInt32BE(place.page, 5);
  value.writeUInt32BE(place.unitLength, 9);
  value.writeBigUInt64BE(BigInt(place.createdAt), 13);
  return value;
}

function decodePlace(value: Uint8Array): FragmentPlace {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.length);
  if (bytes.length !== 21 || bytes[0] !== valueVersion) throw damaged('a fragment entry');
  return {
    volume: bytes.readUInt32BE(1),
    page: bytes.readUInt32BE(5),
    unitLength: bytes.readUInt32BE(9),
    createdAt: Number(bytes.readBigUInt64BE(13)),
  };
}

function volumeKey(volume: number, suffix: number): Uint8Array {
  const key = Buffer.allocUnsafe(6);
  key[0] = volumePrefix;
  key.writeUInt32BE(volume, 1);
  key[5] = suffix;
  return key;
}

/** One atomic change of the index. */
export class IndexBatch {
  readonly operations: (
    | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
    | { readonly type: 'del'; readonly key: Uint8Array }
  )[] = [];

  put(id: FragmentId, place: FragmentPlace): void {
    this.operations.push({ type: 'put', key: fragmentKey(id), value: encodePlace(place) });
  }

  remove(id: FragmentId): void {
    this.operations.push({ type: 'del', key: fragmentKey(id) });
  }

  putUsage(volume: number, usage: VolumeUsage): void {
    const value = Buffer.allocUnsafe(9);
    value[0] = valueVersion;
    value.writeUInt32BE(usage.pages, 1);
    value.writeUInt32BE(usage.livePages, 5);
    this.operations.push({ type: 'put', key: volumeKey(volume, usageSuffix), value });
  }

  putCheckpoint(volume: number, page: number): void {
    const value = Buffer.allocUnsafe(5);
    value[0] = valueVersion;
    value.writeUInt32BE(page, 1);
    this.operations.push({ type: 'put', key: volumeKey(volume, checkpointSuffix), value });
  }

  removeVolume(volume: number): void {
    for (const suffix of [usageSuffix, checkpointSuffix]) {
      this.operations.push({ type: 'del', key: volumeKey(volume, suffix) });
    }
  }
}

/** Whatever the store throws means that the device cannot be used. */
function unusable(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  return new StoreError('unavailable', 'fragment-index', 'the fragment index failed', {
    cause: error,
  });
}

async function guarded<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw unusable(error);
  }
}

/** Errors: `unavailable` when the store fails, `corrupt` for entries that are not ours to understand. */
export class FragmentIndex {
  readonly #store: KeyValueStore;

  constructor(store: KeyValueStore) {
    this.#store = store;
  }

  /** Blocking, a few microseconds: an asynchronous read costs more than the look-up itself. */
  get(id: FragmentId): FragmentPlace | undefined {
    try {
      const value = this.#store.getSync(fragmentKey(id), views);
      return value === undefined ? undefined : decodePlace(value);
    } catch (error) {
      throw unusable(error);
    }
  }

  async has(ids: readonly FragmentId[]): Promise<readonly boolean[]> {
    const values = await guarded(() => this.#store.getMany(ids.map(fragmentKey), views));
    return values.map((value) => value !== undefined);
  }

  async write(batch: IndexBatch, options: { readonly synced: boolean }): Promise<void> {
    if (batch.operations.length === 0) return;
    const { operations } = batch;
    await guarded(() => this.#store.batch(operations, options.synced ? syncedViews : views));
  }

  /** Entries after `after` in order of object id, stripe, index; of one object when `objectId` is given. */
  async list(range: {
    readonly after?: FragmentId | undefined;
    readonly objectId?: string;
    readonly limit: number;
  }): Promise<readonly IndexedFragment[]> {
    const { gte, lt } = rangeOf(range.objectId);
    const lower = range.after === undefined ? { gte } : { gt: fragmentKey(range.after) };
    const options = { ...lower, lt, limit: range.limit, ...views };
    const entries = await guarded(() => this.#store.iterator(options).all());
    return entries.map(([key, value]) => ({ id: idOfKey(key), place: decodePlace(value) }));
  }

  async volumes(): Promise<Map<number, { usage?: VolumeUsage; checkpoint?: number }>> {
    const found = new Map<number, { usage?: VolumeUsage; checkpoint?: number }>();
    const options = { gte: Buffer.of(volumePrefix), lt: Buffer.of(volumePrefix + 1), ...views };
    for (const [keyView, valueView] of await guarded(() => this.#store.iterator(options).all())) {
      const key = Buffer.from(keyView);
      const value = Buffer.from(valueView);
      if (key.length !== 6) throw damaged('a volume key has a wrong length');
      const volume = key.readUInt32BE(1);
      const known = found.get(volume) ?? {};
      if (key[5] === usageSuffix && value.length === 9 && value[0] === valueVersion) {
        known.usage = { pages: value.readUInt32BE(1), livePages: value.readUInt32BE(5) };
      } else if (key[5] === checkpointSuffix && value.length === 5 && value[0] === valueVersion) {
        known.checkpoint = value.readUInt32BE(1);
      } else {
        throw damaged('a volume entry');
      }
      found.set(volume, known);
    }
    return found;
  }

  /** Forgets everything: the volumes will be read again. */
  async clear(): Promise<void> {
    const volumes = { gte: Buffer.of(volumePrefix), lt: Buffer.of(volumePrefix + 1) };
    await guarded(async () => {
      await this.#store.clear({ ...rangeOf(undefined), keyEncoding: 'view' });
      await this.#store.clear({ ...volumes, keyEncoding: 'view' });
    });
  }
}

function rangeOf(objectId: string | undefined): { gte: Uint8Array; lt: Uint8Array } {
  if (objectId === undefined) {
    return { gte: Buffer.of(fragmentPrefix), lt: Buffer.of(fragmentPrefix + 1) };
  }
  const gte = Buffer.concat([Buffer.of(fragmentPrefix), Buffer.from(objectId, 'hex')]);
  // Longer than any key of the object: stripe and index are five bytes.
  return { gte, lt: Buffer.concat([gte, Buffer.alloc(6, 0xff)]) };
}

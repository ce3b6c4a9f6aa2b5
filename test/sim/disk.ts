/**
 * A disk in memory for tests, which loses what was not synced, tears writes, flips bits, fills up,
 * fails, and takes its time. The model of durability is in `medium.ts`.
 */
import type { Clock } from '../../base/clock.ts';
import type { Disk, DiskFile } from '../../base/disk.ts';
import { StoreError } from '../../base/errors.ts';
import { invariant } from '../../base/invariant.ts';
import type { Random } from '../../base/random.ts';
import { type Change, type Fate, Medium } from './medium.ts';

/** Every operation, as the hook sees it before it happens; those of `Change` alter the disk. */
export type DiskOperation =
  | Change
  | { readonly type: 'open'; readonly path: string }
  | { readonly type: 'readAll'; readonly path: string }
  | { readonly type: 'list'; readonly path: string }
  | { readonly type: 'space' }
  | { readonly type: 'size'; readonly path: string }
  | {
      readonly type: 'read';
      readonly path: string;
      readonly position: number;
      readonly length: number;
    };

export interface SimDiskOptions {
  /** Writes beyond it are refused with `full`. Default 1 GiB. */
  readonly capacityBytes?: number;
  /** With a clock every operation but `readSync` takes `latencyMillis` (default 0) of its time. */
  readonly clock?: Clock;
  readonly latencyMillis?: (operation: DiskOperation) => number;
}

/**
 * `none`: kill -9, the page cache survives (and is still not synced). `all`: power loss, nothing
 * un-synced arrives. `some`: each un-synced operation arrives or does not, later ones also without
 * earlier ones. `tear`: moreover a write may arrive in part, sector by sector.
 */
export type Loss = 'none' | 'all' | 'some' | 'tear';

export type Failing = 'nothing' | 'reads' | 'writes' | 'syncs' | 'all';

const readTypes: readonly string[] = ['open', 'readAll', 'list', 'size', 'read'];
const syncTypes: readonly string[] = ['sync', 'syncDirectory'];

function matches(failing: Failing, operation: DiskOperation): boolean {
  if (failing === 'nothing') return false;
  if (failing === 'all') return true;
  if (failing === 'syncs') return syncTypes.includes(operation.type);
  const reads = readTypes.includes(operation.type);
  return failing === 'reads' ? reads : !reads && operation.type !== 'space';
}

/** One bias per crash, so that runs meet all of: nearly nothing arrived, half, nearly everything. */
function randomFates(random: Random, loss: 'some' | 'tear'): () => Fate {
  const bias = random.fraction();
  return () => {
    if (loss === 'tear' && random.fraction() < 0.4) {
      const kept: boolean[] = [];
      return { sectors: (place) => (kept[place] ??= random.fraction() < bias) };
    }
    if (random.fraction() < bias) return 'kept';
    return random.fraction() < 0.2 ? 'size-only' : 'lost';
  };
}

export class SimDisk implements Disk {
  capacityBytes: number;
  readonly #clock: Clock | undefined;
  #latencyMillis: (operation: DiskOperation) => number;
  #medium = new Medium();
  #failing: Failing = 'nothing';
  #hook: ((operation: DiskOperation) => void) | undefined;
  /** Grows at every crash: what was opened or begun before it is dead. */
  #life = 0;
  readonly #open = new Map<number, number>();
  readonly #inFlight = new Set<Change & { type: 'write' }>();

  constructor(options: SimDiskOptions = {}) {
    this.capacityBytes = options.capacityBytes ?? 2 ** 30;
    this.#clock = options.clock;
    this.#latencyMillis = options.latencyMillis ?? (() => 0);
  }

  /** The same disk, durable and un-synced state alike, with no file open, no hook and no fault. */
  clone(): SimDisk {
    const copy = new SimDisk({
      capacityBytes: this.capacityBytes,
      latencyMillis: this.#latencyMillis,
      ...(this.#clock === undefined ? {} : { clock: this.#clock }),
    });
    copy.#medium = this.#medium.clone();
    return copy;
  }

  /** The state below, for crash enumeration. */
  get medium(): Medium {
    return this.#medium;
  }

  /**
   * The machine stops here and starts again: files opened before, and operations still under way,
   * are rejected with `internal` and change nothing more. Use `session()` where code of before
   * the crash could still call the disk itself.
   */
  crash(random: Random, options: { readonly lose: Loss }): void {
    this.#life++;
    this.#open.clear();
    const { lose } = options;
    // A write under way at the crash may have reached the cache, and from there the medium.
    for (const change of lose === 'all' ? [] : this.#inFlight) {
      if (random.fraction() < 0.5) this.#medium.apply(change);
    }
    this.#inFlight.clear();
    if (lose !== 'none') {
      this.#medium.settle(lose === 'all' ? () => 'lost' : randomFates(random, lose));
    }
    this.#medium.collect(new Set());
  }

  /** A crash in which the caller decides about each un-synced operation. */
  crashWith(fateOf: Parameters<Medium['settle']>[0]): void {
    this.#life++;
    this.#open.clear();
    this.#inFlight.clear();
    this.#medium.settle(fateOf);
  }

  /** This disk as one life of a process sees it: every call after the next crash is rejected. */
  session(): Disk {
    const life = this.#life;
    const alive = (): SimDisk => {
      this.#checkLife(life);
      return this;
    };
    return {
      open: async (path) => alive().open(path),
      create: async (path) => alive().create(path),
      readAll: async (path) => alive().readAll(path),
      list: async (path) => alive().list(path),
      makeDirectory: async (path) => alive().makeDirectory(path),
      rename: async (from, to) => alive().rename(from, to),
      remove: async (path) => alive().remove(path),
      syncDirectory: async (path) => alive().syncDirectory(path),
      space: async () => alive().space(),
    };
  }

  /** A new, empty disk in the place of this one. */
  wipe(): void {
    this.#life++;
    this.#open.clear();
    this.#inFlight.clear();
    this.#medium = new Medium();
  }

  /** From now on these operations are rejected with `corrupt` (an I/O error). A failed sync also loses what it should have made durable, as on Linux. */
  fail(what: Failing): void {
    this.#failing = what;
  }

  /** Flips one bit of a file's byte, in cache and on the medium. */
  flip(path: string, position: number, bit = 0): void {
    const file = this.#medium.lookup(path);
    if (file === undefined) throw new StoreError('internal', 'disk.flip', `no such file: ${path}`);
    this.#medium.flip(file, position, bit);
  }

  /** Called before every operation; what it throws the operation is rejected with. */
  hook(hook: ((operation: DiskOperation) => void) | undefined): void {
    this.#hook = hook;
  }

  setLatency(latencyMillis: (operation: DiskOperation) => number): void {
    this.#latencyMillis = latencyMillis;
  }

  open(path: string): Promise<DiskFile | undefined> {
    return this.#perform({ type: 'open', path }, () => {
      const file = this.#medium.lookup(path);
      return file === undefined ? undefined : this.#handle(path, file);
    });
  }

  create(path: string): Promise<DiskFile> {
    return this.#perform({ type: 'create', path }, (change) => {
      this.#medium.apply(change);
      const file = this.#medium.lookup(path);
      invariant(file !== undefined, 'a created file has a name');
      return this.#handle(path, file);
    });
  }

  readAll(path: string): Promise<Uint8Array | undefined> {
    return this.#perform({ type: 'readAll', path }, () => {
      const file = this.#medium.lookup(path);
      if (file === undefined) return undefined;
      const bytes = new Uint8Array(this.#medium.size(file));
      this.#medium.read(file, 0, bytes);
      return bytes;
    });
  }

  list(path: string): Promise<readonly string[]> {
    return this.#perform({ type: 'list', path }, () => this.#medium.list(path));
  }

  makeDirectory(path: string): Promise<void> {
    return this.#change({ type: 'makeDirectory', path });
  }

  rename(from: string, to: string): Promise<void> {
    return this.#change({ type: 'rename', from, to });
  }

  remove(path: string): Promise<void> {
    return this.#change({ type: 'remove', path });
  }

  syncDirectory(path: string): Promise<void> {
    return this.#change({ type: 'syncDirectory', path });
  }

  space(): Promise<{ readonly freeBytes: number; readonly totalBytes: number }> {
    return this.#perform({ type: 'space' }, () => {
      const freeBytes = Math.max(0, this.capacityBytes - this.#usedBytes());
      return { freeBytes, totalBytes: this.capacityBytes };
    });
  }

  #usedBytes(): number {
    return this.#medium.usedBytes(new Set(this.#open.keys()));
  }

  #checkLife(life: number): void {
    if (life !== this.#life) {
      throw new StoreError('internal', 'disk', 'the disk went away in a crash');
    }
  }

  /** Hook, faults and time of one operation, and then its effect: at once, so that no crash fits in between. */
  async #perform<Operation extends DiskOperation, Result>(
    operation: Operation,
    effect: (operation: Operation) => Result,
  ): Promise<Result> {
    const life = this.#life;
    this.#admit(operation);
    if (this.#clock !== undefined) {
      await this.#clock.sleep(this.#latencyMillis(operation));
    }
    // Also without a clock: the hook itself may have been the crash.
    this.#checkLife(life);
    return effect(operation);
  }

  #admit(operation: DiskOperation): void {
    this.#hook?.(operation);
    if (!matches(this.#failing, operation)) return;
    if (operation.type === 'sync') this.#medium.forgetPending(operation.file);
    throw new StoreError('corrupt', `disk.${operation.type}`, 'the medium failed (simulated)');
  }

  #change(change: Change): Promise<void> {
    return this.#perform(change, () => {
      this.#medium.apply(change);
      // Removed names may have been the last of their files.
      if (change.type !== 'truncate') this.#medium.collect(new Set(this.#open.keys()));
    });
  }

  #handle(path: string, file: number): DiskFile {
    this.#open.set(file, (this.#open.get(file) ?? 0) + 1);
    const life = this.#life;
    let open = true;
    const check = (): void => {
      this.#checkLife(life);
      if (!open) throw new StoreError('internal', 'disk.file', `the file is closed: ${path}`);
    };
    const sync = async (): Promise<void> => {
      check();
      // Only what was written before the call: what arrives while it runs is not covered.
      const covered = this.#medium.countOf(file);
      await this.#perform({ type: 'sync', path, file }, () => {
        this.#medium.syncUpTo(file, covered);
      });
    };
    return {
      read: async (position, into) => {
        check();
        const operation = { type: 'read', path, position, length: into.length } as const;
        return this.#perform(operation, () => this.#medium.read(file, position, into));
      },
      readSync: (position, into) => {
        check();
        this.#admit({ type: 'read', path, position, length: into.length });
        check();
        return this.#medium.read(file, position, into);
      },
      write: async (position, pieces) => {
        check();
        await this.#write({ path, file, position, pieces });
      },
      sync,
      writeDurably: async (position, pieces) => {
        check();
        await this.#write({ path, file, position, pieces });
        await sync();
      },
      truncate: async (size) => {
        check();
        await this.#change({ type: 'truncate', path, file, size });
      },
      size: async () => {
        check();
        return this.#perform({ type: 'size', path }, () => this.#medium.size(file));
      },
      close: async () => {
        check();
        open = false;
        const others = (this.#open.get(file) ?? 1) - 1;
        if (others > 0) this.#open.set(file, others);
        else this.#open.delete(file);
        this.#medium.collect(new Set(this.#open.keys()));
      },
    };
  }

  async #write(write: {
    readonly path: string;
    readonly file: number;
    readonly position: number;
    readonly pieces: readonly Uint8Array[];
  }): Promise<void> {
    const { path, file, position } = write;
    // A copy: the pieces are the caller's again once the write resolves.
    const bytes = new Uint8Array(Buffer.concat(write.pieces));
    if (bytes.length === 0) return;
    const change: Change & { type: 'write' } = { type: 'write', path, file, position, bytes };
    this.#inFlight.add(change);
    try {
      await this.#perform(change, () => this.#applyWrite(change));
    } finally {
      this.#inFlight.delete(change);
    }
  }

  #applyWrite(change: Change & { type: 'write' }): void {
    const { file, position, bytes } = change;
    const grows = position + bytes.length - this.#medium.size(file);
    const room = grows > 0 ? Math.max(0, this.capacityBytes - this.#usedBytes()) : 0;
    if (grows <= room) {
      this.#medium.apply(change);
      return;
    }
    // As a real disk does it: what fits is written, then the error comes.
    const fits = bytes.length - (grows - room);
    if (fits > 0) this.#medium.apply({ ...change, bytes: bytes.subarray(0, fits) });
    throw new StoreError('full', 'disk.write', 'no space left (simulated)');
  }
}

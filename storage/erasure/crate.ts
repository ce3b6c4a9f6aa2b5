import { createRequire } from 'node:module';
import { basename, dirname } from 'node:path';
import { NodeDisk } from '../../base/node-disk.ts';
import { StoreError } from '../../base/errors.ts';
import { invariant } from '../../base/invariant.ts';
import type { Shape } from './units.ts';

/** Functions of the module take and give whole numbers: addresses, lengths, counts, a result. */
type Call = (...numbers: readonly number[]) => number;

const isCall = (value: unknown): value is Call => typeof value === 'function';

/** The memory as of now: it moves whenever an allocation makes it grow. */
type MemoryNow = () => Uint8Array;

function isMemory(value: unknown): value is { readonly buffer: ArrayBuffer } {
  return typeof value === 'object' && value !== null && 'buffer' in value;
}

/** RESULT_OK of the crate's npm build. */
const resultOk = 0;

/**
 * The WebAssembly module of the npm build of the Rust crate `reed-solomon-erasure`, without the
 * JavaScript around it: that one frees the flags of `reconstruct` a second time after the module
 * has freed them (0.2.5), so that a later call finds its memory overwritten, answers "too few
 * shards" or traps. Units below have one length, not 0; m is not 0 either: the crate refuses both.
 */
export class Crate {
  readonly #memory: MemoryNow;
  readonly #encode: Call;
  readonly #reconstruct: Call;
  readonly #allocate: Call;
  readonly #free: Call;

  constructor({ exports }: WebAssembly.Instance) {
    const { memory } = exports;
    invariant(isMemory(memory), 'the crate exports its memory');
    this.#memory = () => new Uint8Array(memory.buffer);
    const call = (name: string): Call => {
      const found = exports[name];
      invariant(isCall(found), `the crate exports ${name}`);
      return found;
    };
    this.#encode = call('encode');
    this.#reconstruct = call('reconstruct');
    this.#allocate = call('__wbindgen_malloc');
    this.#free = call('__wbindgen_free');
  }

  /** Fills the m units of `parity` from the k units of `data`. */
  encode(data: readonly Uint8Array[], parity: readonly Uint8Array[], { k, m }: Shape): void {
    const length = data[0]?.length ?? 0;
    const total = (k + m) * length;
    const at = this.#allocate(total);
    this.#put(data, length, at);
    this.#check(this.#encode(at, total, k, m), 'codec.encode');
    const memory = this.#memory();
    parity.forEach((unit, row) => {
      const start = at + (k + row) * length;
      unit.set(memory.subarray(start, start + length));
    });
    this.#free(at, total);
  }

  /** Fills `data` with the k data units; of the k + m `units` those undefined are lost. */
  reconstruct(
    units: readonly (Uint8Array | undefined)[],
    data: readonly Uint8Array[],
    { k, m }: Shape,
  ): void {
    const length = data[0]?.length ?? 0;
    const total = (k + m) * length;
    const at = this.#allocate(total);
    this.#put(units, length, at);
    // The module takes the flags over and frees them.
    const flags = this.#allocate(units.length);
    this.#memory().set(
      units.map((unit) => (unit === undefined ? 0 : 1)),
      flags,
    );
    const result = this.#reconstruct(at, total, k, m, flags, units.length);
    this.#check(result, 'codec.reconstruct');
    const memory = this.#memory();
    data.forEach((unit, index) => {
      const start = at + index * length;
      unit.set(memory.subarray(start, start + length));
    });
    this.#free(at, total);
  }

  /** Side by side, from `at`. */
  #put(units: readonly (Uint8Array | undefined)[], length: number, at: number): void {
    const memory = this.#memory();
    units.forEach((unit, index) => {
      if (unit !== undefined) memory.set(unit, at + index * length);
    });
  }

  #check(result: number, op: string): void {
    if (result === resultOk) return;
    throw new StoreError('internal', op, `reed-solomon-erasure failed with code ${result}`);
  }
}

async function loadCrate(): Promise<Crate> {
  const name = '@subspace/reed-solomon-erasure.wasm/dist/reed_solomon_erasure_bg.wasm';
  const path = createRequire(import.meta.url).resolve(name);
  const bytes = await new NodeDisk(dirname(path)).readAll(basename(path));
  if (bytes === undefined) {
    throw new StoreError('internal', 'codec.load', `${name} is missing from the installation`);
  }
  return new Crate(await WebAssembly.instantiate(await WebAssembly.compile(bytes), {}));
}

let shared: Promise<Crate> | undefined;

/** The crate of this thread, loaded once. */
export function sharedCrate(): Promise<Crate> {
  shared ??= loadCrate();
  return shared;
}

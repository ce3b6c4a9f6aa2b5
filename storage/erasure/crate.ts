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
 * shards" or traps. `units` below: k + m units of one length, not 0, side by side; m not 0.
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

  /** Fills the parity units of `units` in place. */
  encode(units: Uint8Array, { k, m }: Shape): void {
    const at = this.#put(units);
    const result = this.#encode(at, units.length, k, m);
    const parity = (units.length / (k + m)) * k;
    units.set(this.#memory().subarray(at + parity, at + units.length), parity);
    this.#free(at, units.length);
    this.#check(result, 'codec.encode');
  }

  /** Fills the lost data units of `units` in place; lost parity stays as it is. */
  reconstruct(units: Uint8Array, { k, m }: Shape, present: readonly boolean[]): void {
    const at = this.#put(units);
    // The module takes the flags over and frees them.
    const flags = this.#put(Uint8Array.from(present, Number));
    const result = this.#reconstruct(at, units.length, k, m, flags, present.length);
    const data = (units.length / (k + m)) * k;
    units.set(this.#memory().subarray(at, at + data));
    this.#free(at, units.length);
    this.#check(result, 'codec.reconstruct');
  }

  #put(bytes: Uint8Array): number {
    const at = this.#allocate(bytes.length);
    this.#memory().set(bytes, at);
    return at;
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

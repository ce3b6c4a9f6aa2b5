import { NodeDisk } from '../../../base/node-disk.ts';
import { StoreError } from '../../../base/errors.ts';
import { invariant } from '../../../base/invariant.ts';
import { notePageAligned, pageBytes } from '../../../base/memory/page-memory.ts';
import { multiply } from '../galois.ts';
import { cell, type Matrix } from '../matrix.ts';

/** Rows that the kernel computes in one pass. */
export const maxRows = 6;
const maxColumns = 16;
/** A product by one constant: 16 answers for the low half of a byte, 16 for the high half. */
const tableBytes = 32;
/** Sixteen times 0x0f, before the tables: what cuts the low half out of every byte. */
const maskBytes = 16;

/**
 * The kernel's memory in bytes. First the arena: look-up tables, then one slot for each input and
 * output. Units from elsewhere pass through it in slices, so it never grows, whatever their
 * length; at 128 KiB what is copied in, read, written and copied out again stays in the
 * second-level cache. (64 KiB to 512 KiB measured.) Then what `lend` gives away: 128 stripes of
 * 4+2, two in flight for each of 64 uploads. It is reserved at once, because growing would detach
 * every view, but takes no real memory before it is touched.
 */
const tableArena = 4096;
const slotArena = 128 * 1024;
const lendingStart = 192 * 1024;
const lendingArea = 192 * 1024 * 1024;
/** Of WebAssembly: what a memory grows by. */
const memoryPageBytes = 64 * 1024;
/** The longest round of the kernel: it reads and writes up to so many bytes at once. */
const roundBytes = 64;

/** The kernel's functions: one for each number of rows, and the one of 4+2. */
const codeNames = ['code1', 'code2', 'code3', 'code4', 'code5', 'code6', 'code4x2'] as const;
type CodeName = (typeof codeNames)[number];

/** A matrix in the form that the kernel reads: made once, used for many stripes. */
export interface Product {
  /** Which function reads these tables. */
  readonly code: CodeName;
  readonly rows: number;
  readonly columns: number;
  readonly tables: Uint8Array;
}

/** `by`: at most 6 rows and 16 columns. */
export function makeProduct(by: Matrix): Product {
  invariant(by.rows > 0 && by.rows <= maxRows, 'the kernel computes one to six rows');
  invariant(by.columns > 0 && by.columns <= maxColumns, 'the kernel reads one to sixteen inputs');
  const { rows, columns } = by;
  if (isParityOf4x2(by)) return { code: 'code4x2', rows, columns, tables: tablesOf([18, 9, 6]) };
  const code = codeNames[rows - 1];
  invariant(code !== undefined, 'every number of rows has its function');
  const factors = Array.from({ length: rows * columns }, (_, i) => {
    return cell(by, i % rows, Math.floor(i / rows));
  });
  return { code, rows, columns, tables: tablesOf(factors) };
}

/** Whether this is the matrix that code4x2 in kernel.as.ts is made for. */
function isParityOf4x2(by: Matrix): boolean {
  const parity = [27, 28, 18, 20, 28, 27, 20, 18];
  return by.columns === 4 && by.cells.length === 8 && parity.every((one, i) => by.cells[i] === one);
}

/** The mask, and two tables for each factor. */
function tablesOf(factors: readonly number[]): Uint8Array {
  const tables = new Uint8Array(maskBytes + factors.length * tableBytes);
  invariant(tables.length <= tableArena, 'the tables fit before the slots');
  tables.fill(0x0f, 0, maskBytes);
  for (const [place, factor] of factors.entries()) {
    const at = maskBytes + place * tableBytes;
    for (let half = 0; half < 16; half++) {
      tables[at + half] = multiply(factor, half);
      tables[at + 16 + half] = multiply(factor, half << 4);
    }
  }
  return tables;
}

/** tables, from, k, to, stride, length: see kernel.as.ts. */
type Code = (
  tables: number,
  from: number,
  k: number,
  to: number,
  stride: number,
  length: number,
) => void;

const isCode = (value: unknown): value is Code => typeof value === 'function';

/** How one product cuts the arena: the slot of unit i starts at `tableArena + i * stride`. */
interface Cut {
  readonly code: Code;
  readonly stride: number;
  readonly slice: number;
}

/**
 * The compiled kernel over its one memory. Every method is synchronous from its first copy in to
 * its last copy out, so callers share the arena without a lock.
 */
export class Kernel {
  readonly #codes: ReadonlyMap<CodeName, Code>;
  readonly #arena: Uint8Array;
  #lent = lendingStart;

  constructor(instance: WebAssembly.Instance, memory: WebAssembly.Memory) {
    this.#codes = new Map(
      codeNames.map((name) => {
        const code = instance.exports[name];
        invariant(isCode(code), 'the kernel exports each of its functions');
        return [name, code];
      }),
    );
    this.#arena = new Uint8Array(memory.buffer);
  }

  /**
   * A piece of the kernel's own memory, for good, from the start of a page on: units that lie there,
   * at equal distances and in multiples of 64 bytes, are not copied. undefined when it is used up.
   */
  lend(length: number): Uint8Array | undefined {
    const start = this.#lent;
    const end = start + Math.ceil(length / pageBytes) * pageBytes;
    if (end > this.#arena.length) return undefined;
    this.#lent = end;
    return this.#arena.subarray(start, start + length);
  }

  /**
   * outputs = product x inputs. All units have one length, any; outputs are filled, and may not
   * overlap inputs. Nothing is kept.
   */
  multiply(product: Product, inputs: readonly Uint8Array[], outputs: readonly Uint8Array[]): void {
    invariant(outputs.length === product.rows, 'one output for each row');
    if (this.#multiplyInPlace(product, inputs, outputs)) return;
    const arena = this.#arena;
    this.#eachSlice(product, inputs, (at, offset, length, row) => {
      outputs[row]?.set(arena.subarray(at, at + length), offset);
      return true;
    });
  }

  /** Whether product x inputs is `expected`, byte for byte. */
  matches(
    product: Product,
    inputs: readonly Uint8Array[],
    expected: readonly Uint8Array[],
  ): boolean {
    invariant(expected.length === product.rows, 'one expected unit for each row');
    const arena = this.#arena;
    return this.#eachSlice(product, inputs, (at, offset, length, row) => {
      const unit = expected[row]?.subarray(offset, offset + length);
      return unit !== undefined && Buffer.compare(arena.subarray(at, at + length), unit) === 0;
    });
  }

  /** As `multiply`, without a copy; false, and nothing done, where the units do not lie so. */
  #multiplyInPlace(
    product: Product,
    inputs: readonly Uint8Array[],
    outputs: readonly Uint8Array[],
  ): boolean {
    const [from] = inputs;
    const [to] = outputs;
    if (from?.buffer !== this.#arena.buffer || to?.buffer !== from.buffer) return false;
    const stride = (inputs[1] ?? to).byteOffset - from.byteOffset;
    const lies = (first: Uint8Array) => (unit: Uint8Array, i: number) =>
      unit.buffer === first.buffer &&
      unit.length === from.length &&
      unit.byteOffset === first.byteOffset + i * stride;
    // A round that went beyond the end of one unit would spoil the start of the next.
    const whole = from.length % roundBytes === 0 && stride >= from.length;
    if (!whole || !inputs.every(lies(from)) || !outputs.every(lies(to))) return false;
    invariant(inputs.length === product.columns, 'one input for each column');
    this.#arena.set(product.tables, 0);
    const { code } = this.#cut(product);
    code(0, from.byteOffset, product.columns, to.byteOffset, stride, from.length);
    return true;
  }

  /** Calls `take` for every row of every slice until it answers false; whether it never did. */
  #eachSlice(
    product: Product,
    inputs: readonly Uint8Array[],
    take: (at: number, offset: number, length: number, row: number) => boolean,
  ): boolean {
    const total = inputs[0]?.length ?? 0;
    invariant(inputs.length === product.columns, 'one input for each column');
    invariant(
      inputs.every((unit) => unit.length === total),
      'units have one length',
    );
    const { code, stride, slice } = this.#cut(product);
    const outputs = tableArena + inputs.length * stride;
    const arena = this.#arena;
    arena.set(product.tables, 0);
    for (let offset = 0; offset < total; offset += slice) {
      const length = Math.min(slice, total - offset);
      let at = tableArena;
      for (const unit of inputs) {
        arena.set(length === total ? unit : unit.subarray(offset, offset + length), at);
        at += stride;
      }
      // A last round may compute beyond `length`: inside its slot, from bytes nobody reads.
      code(0, tableArena, product.columns, outputs, stride, length);
      for (let row = 0; row < product.rows; row++) {
        if (!take(outputs + row * stride, offset, length, row)) return false;
      }
    }
    return true;
  }

  #cut(product: Product): Cut {
    const code = this.#codes.get(product.code);
    invariant(code !== undefined, 'the kernel has each of its functions');
    const share = Math.floor(slotArena / (product.columns + product.rows));
    // An odd multiple of the cache line: strides that share a power of two would make all units
    // compete for the same few lines of the first-level cache.
    const lines = Math.floor(share / roundBytes);
    const stride = (lines % 2 === 0 ? lines - 1 : lines) * roundBytes;
    return { code, stride, slice: stride };
  }
}

const disk = new NodeDisk(import.meta.dirname);

/** The best module that this machine's engine accepts; undefined where it has no SIMD at all. */
async function loadKernel(): Promise<Kernel | undefined> {
  for (const file of ['kernel-relaxed.wasm', 'kernel.wasm']) {
    const kernel = await loadKernelModule(file);
    if (kernel !== undefined) return kernel;
  }
  return undefined;
}

/** One of the two checked-in modules; undefined where the engine refuses it. */
export async function loadKernelModule(file: string): Promise<Kernel | undefined> {
  const bytes = await disk.readAll(file);
  if (bytes === undefined) {
    throw new StoreError('internal', 'codec.load', `${file} is missing from the installation`);
  }
  if (!WebAssembly.validate(bytes)) return undefined;
  const pages = Math.ceil((lendingStart + lendingArea) / memoryPageBytes);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  notePageAligned(memory);
  const module = await WebAssembly.compile(bytes);
  return new Kernel(await WebAssembly.instantiate(module, { env: { memory } }), memory);
}

let shared: Promise<Kernel | undefined> | undefined;

/** The kernel of this thread, loaded once: every codec shares its arena. */
export function sharedKernel(): Promise<Kernel | undefined> {
  shared ??= loadKernel();
  return shared;
}

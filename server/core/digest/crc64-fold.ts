/**
 * CRC-64/NVME of long bodies without a carry-less multiplication, which WebAssembly lacks (decision
 * 0015). The polynomial divides 1 + x^(8·1115) + x^(8·2189) + … + x^(8·4600): so a byte may be taken
 * out of a message if it is added to the bytes that stand `foldOffsets` after it. That is eight XORs
 * of whole SIMD registers for 16 bytes, where tables take 16 loads that depend on each other; only
 * the last 4600 bytes go through tables.
 *
 * No offset is small: a load that overlaps two stores which are still under way costs a dozen cycles.
 */
import { invariant } from '../../../base/invariant.ts';
import { KiB } from '../../../base/units.ts';
import { get, leb, load, number, section, set, store, tee, text, xor } from './wasm-bytes.ts';

export const foldOffsets: readonly number[] = [1115, 2189, 2887, 3073, 3391, 3503, 3823, 4600];

/** The farthest that a byte is carried: what must be kept of the bytes before. */
export const foldWindow = 4600;

/** Bytes of one call of the module. */
const sliceBytes: number = 64 * KiB;
/** Bytes of one turn of its loop; the last turn may run over the end, into bytes that nobody reads. */
const turnBytes = 64;

// Memory: the window, the bytes, and two windows to end with.
const bytesAt = 4608;
const endAt: number = bytesAt + sliceBytes + turnBytes;
const endBytes = 4608 + turnBytes;
const memoryPages: number = Math.ceil((endAt + 2 * endBytes) / 65_536);

/** `fold(at, end)`: from the window's start before the bytes, to the same before their end. */
function foldCode(): number[] {
  const [at, end, first] = [0, 1, 2];
  const four = [0, 1, 2, 3];
  const loadAll = four.flatMap((n) => [
    ...get(at),
    ...load(foldWindow + n * 16),
    ...set(first + n),
  ]);
  const addAll = foldOffsets.flatMap((offset) =>
    four.flatMap((n) => [
      ...get(first + n),
      ...get(at),
      ...load(foldWindow - offset + n * 16),
      ...xor,
      ...set(first + n),
    ]),
  );
  const storeAll = four.flatMap((n) => [
    ...get(at),
    ...get(first + n),
    ...store(foldWindow + n * 16),
  ]);
  // at += 64; once more while it is below the end.
  const next = [...get(at), ...number(turnBytes), 0x6a, ...tee(at), ...get(end), 0x49, 0x0d, 0];
  const loop = [0x03, 0x40, ...loadAll, ...addAll, ...storeAll, ...next, 0x0b];
  return [1, 4, 0x7b, ...loop, 0x0b];
}

/** `add(to, from, end)`: memory from `to` to `end` gets that of `from` added, 16 bytes a turn. */
function addCode(): number[] {
  const [to, from, end] = [0, 1, 2];
  const turn = [
    ...[...get(to), ...get(to), ...load(0), ...get(from), ...load(0), ...xor, ...store(0)],
    ...[...get(from), ...number(16), 0x6a, ...set(from)],
    ...[...get(to), ...number(16), 0x6a, ...tee(to), ...get(end), 0x49, 0x0d, 0],
  ];
  return [0, 0x03, 0x40, ...turn, 0x0b, 0x0b];
}

function assemble(): Uint8Array {
  const codes = [foldCode(), addCode()].flatMap((code) => [...leb(code.length), ...code]);
  const types = [2, 0x60, 2, 0x7f, 0x7f, 0, 0x60, 3, 0x7f, 0x7f, 0x7f, 0];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, types),
    ...section(2, [1, ...text('env'), ...text('memory'), 0x02, 0, ...leb(memoryPages)]),
    ...section(3, [2, 0, 1]),
    ...section(7, [2, ...text('fold'), 0, 0, ...text('add'), 0, 1]),
    ...section(10, [2, ...codes]),
  ]);
}

export class Crc64Folder {
  readonly #memory: Uint8Array;
  readonly #fold: (at: number, end: number) => void;
  readonly #add: (to: number, from: number, end: number) => void;

  constructor(
    memory: WebAssembly.Memory,
    fold: (at: number, end: number) => void,
    addTo: (to: number, from: number, end: number) => void,
  ) {
    this.#memory = new Uint8Array(memory.buffer);
    this.#fold = fold;
    this.#add = addTo;
  }

  /** Carries `window` (the 4600 bytes before, folded) over these bytes. */
  take(window: Uint8Array, bytes: Uint8Array): void {
    const memory = this.#memory;
    memory.set(window, bytesAt - foldWindow);
    for (let at = 0; at < bytes.length; at += sliceBytes) {
      const slice = bytes.subarray(at, at + sliceBytes);
      if (at > 0)
        memory.copyWithin(
          bytesAt - foldWindow,
          bytesAt + sliceBytes - foldWindow,
          bytesAt + sliceBytes,
        );
      memory.set(slice, bytesAt);
      this.#fold(bytesAt - foldWindow, bytesAt - foldWindow + slice.length);
    }
    const last = bytes.length === 0 ? 0 : ((bytes.length - 1) % sliceBytes) + 1;
    window.set(memory.subarray(bytesAt + last - foldWindow, bytesAt + last));
  }

  /** A message of 4600 bytes with the same CRC (from a register of zeros): the window without what it got from itself. The view is of use until the next call. */
  restView(window: Uint8Array): Uint8Array {
    const rest = endAt;
    const whole = endAt + endBytes;
    this.#memory.set(window, rest);
    this.#memory.set(window, whole);
    for (const offset of foldOffsets) {
      if (offset < foldWindow) this.#add(rest + offset, whole, rest + foldWindow);
    }
    return this.#memory.subarray(rest, rest + foldWindow);
  }
}

/** undefined on an engine without SIMD. */
async function loadFolder(): Promise<Crc64Folder | undefined> {
  const bytes = assemble();
  if (!WebAssembly.validate(bytes)) return undefined;
  const memory = new WebAssembly.Memory({ initial: memoryPages, maximum: memoryPages });
  const module = await WebAssembly.compile(bytes);
  const { fold, add } = (await WebAssembly.instantiate(module, { env: { memory } })).exports;
  invariant(typeof fold === 'function' && typeof add === 'function', 'the module has both');
  return new Crc64Folder(
    memory,
    (at, end) => void Reflect.apply(fold, undefined, [at, end]),
    (to, from, end) => void Reflect.apply(add, undefined, [to, from, end]),
  );
}

export const crc64Folder: Crc64Folder | undefined = await loadFolder();

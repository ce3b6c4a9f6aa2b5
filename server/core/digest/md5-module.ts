/**
 * The WebAssembly of MD5 (RFC 1321) over four streams at once, one in each 32-bit lane of a SIMD
 * register, assembled here: it is 64 times the same few instructions, and so shorter than a
 * compiler for it.
 *
 * The module imports `env.memory` and exports `run(blocks)`. Memory, from 0: the 64 constants of
 * the RFC, each four times; the states, as a, b, c, d of all lanes; from `slotsAt` the lanes' bytes,
 * `slotBytes` apart.
 */

import {
  add,
  get,
  leb,
  load,
  not,
  number,
  or,
  section,
  select,
  set,
  shiftLeft,
  shiftRight,
  simd,
  store,
  tee,
  text,
  xor,
} from './wasm-bytes.ts';

export const laneCount = 4;
const constantsAt = 0;
export const statesAt = 1024;
export const slotsAt = 4096;
/** One cache line beyond a power of two, or the lanes would push each other out of the cache. */
export const slotBytes: number = 32 * 1024 + 64;
export const memoryPages: number = Math.ceil((slotsAt + laneCount * slotBytes) / 65_536);

const shifts = [
  [7, 12, 17, 22],
  [5, 9, 14, 20],
  [4, 11, 16, 23],
  [6, 10, 15, 21],
] as const;

/** Writes the constants: floor(2^32 |sin(i + 1)|). */
export function fillConstants(memory: Uint32Array): void {
  for (let step = 0; step < 64; step++) {
    const constant = Math.floor(2 ** 32 * Math.abs(Math.sin(step + 1)));
    memory.fill(constant, constantsAt / 4 + step * 4, constantsAt / 4 + step * 4 + 4);
  }
}

// Locals: the parameter, the position in each slot, then vectors.
const blocks = 0;
const at = 1;
const words = 2;
const chain = words + 16;
const saved = chain + 4;
const rows = saved + 4;
const sum = rows + 4;
const vectorCount = 16 + 4 + 4 + 4 + 1;

/** Picks 32-bit lanes of two vectors, 0 to 3 of the first and 4 to 7 of the second. */
function shuffle(...lanes: readonly number[]): number[] {
  return simd(13, ...lanes.flatMap((lane) => [0, 1, 2, 3].map((byte) => lane * 4 + byte)));
}

/** Four words of every lane become four vectors of one word each: a transposed square. */
function gather(quarter: number): number[] {
  const code: number[] = [];
  const lanes = [0, 1, 2, 3];
  for (const lane of lanes) {
    code.push(...get(at), ...load(slotsAt + lane * slotBytes + quarter * 16), ...set(rows + lane));
  }
  const word = words + quarter * 4;
  const pair = (first: number, picked: readonly number[]): number[] => [
    ...get(rows + first),
    ...get(rows + first + 1),
    ...shuffle(...picked),
  ];
  for (const half of [0, 1]) {
    const picked = half === 0 ? [0, 4, 1, 5] : [2, 6, 3, 7];
    code.push(...pair(0, picked), ...set(sum), ...pair(2, picked), ...set(word + 3));
    const both = [...get(sum), ...get(word + 3)];
    const low = [...both, ...shuffle(0, 1, 4, 5)];
    const high = [...both, ...shuffle(2, 3, 6, 7)];
    if (half === 0) code.push(...low, ...set(word), ...high, ...set(word + 1));
    else code.push(...low, ...set(word + 2), ...high, ...set(word + 3));
  }
  return code;
}

/** The function of the round, of b, c and d. */
function mix(round: number, b: number, c: number, d: number): number[] {
  if (round === 0) return [...get(c), ...get(d), ...get(b), ...select];
  if (round === 1) return [...get(b), ...get(c), ...get(d), ...select];
  if (round === 2) return [...get(b), ...get(c), ...xor, ...get(d), ...xor];
  return [...get(b), ...get(d), ...not, ...or, ...get(c), ...xor];
}

function wordOf(step: number): number {
  const factor = [1, 5, 3, 7][step >> 4] ?? 0;
  const offset = [0, 1, 5, 0][step >> 4] ?? 0;
  return (factor * step + offset) % 16;
}

/** a = b + rotate(a + mix(b, c, d) + word + constant). */
function step(index: number): number[] {
  const round = index >> 4;
  const shift = shifts[round]?.[index & 3] ?? 0;
  const [a, b, c, d] = [0, 1, 2, 3].map((place) => chain + ((place + 64 - index) & 3));
  if (a === undefined || b === undefined || c === undefined || d === undefined) return [];
  return [
    ...[...get(a), ...get(words + wordOf(index)), ...add],
    ...[...number(0), ...load(constantsAt + index * 16), ...add],
    ...[...mix(round, b, c, d), ...add, ...tee(sum)],
    ...[...number(shift), ...shiftLeft],
    ...[...get(sum), ...number(32 - shift), ...shiftRight, ...or],
    ...[...get(b), ...add, ...set(a)],
  ];
}

function body(): number[] {
  const four = [0, 1, 2, 3];
  const block = [
    ...four.flatMap((quarter) => gather(quarter)),
    ...four.flatMap((place) => [...get(chain + place), ...set(saved + place)]),
    ...Array.from({ length: 64 }, (_, index) => step(index)).flat(),
    ...four.flatMap((place) => [
      ...[...get(chain + place), ...get(saved + place), ...add, ...set(chain + place)],
    ]),
    // at += 64; blocks -= 1; once more while any is left.
    ...[...get(at), ...number(64), 0x6a, ...set(at)],
    ...[...get(blocks), ...number(1), 0x6b, ...tee(blocks), 0x0d, 0],
  ];
  return [
    ...four.flatMap((place) => [
      ...[...number(0), ...load(statesAt + place * 16), ...set(chain + place)],
    ]),
    ...[0x03, 0x40, ...block, 0x0b],
    ...four.flatMap((place) => [
      ...[...number(0), ...get(chain + place), ...store(statesAt + place * 16)],
    ]),
    0x0b,
  ];
}

/** `run(blocks)`: at least one block of 64 bytes from the start of every slot. */
export function assembleMd5(): Uint8Array {
  const locals = [2, 1, 0x7f, ...leb(vectorCount), 0x7b];
  const code = [...locals, ...body()];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 1, 0x7f, 0]),
    ...section(2, [1, ...text('env'), ...text('memory'), 0x02, 0, ...leb(memoryPages)]),
    ...section(3, [1, 0]),
    ...section(7, [1, ...text('run'), 0, 0]),
    ...section(10, [1, ...leb(code.length), ...code]),
  ]);
}

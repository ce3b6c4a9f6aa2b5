/** WebAssembly spelled out in bytes: the few instructions that the digests' modules are made of. */

/** An unsigned number, seven bits a byte. */
export function leb(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest & 127) | 128);
  }
}

/** As `leb`, for a positive number that is read as signed. */
function signedLeb(value: number): number[] {
  const bytes = leb(value);
  const last = bytes.at(-1) ?? 0;
  if (last < 64) return bytes;
  return [...bytes.slice(0, -1), last | 128, 0];
}

export const get = (local: number): number[] => [0x20, ...leb(local)];
export const set = (local: number): number[] => [0x21, ...leb(local)];
export const tee = (local: number): number[] => [0x22, ...leb(local)];
export const number = (value: number): number[] => [0x41, ...signedLeb(value)];
export const simd = (code: number, ...rest: readonly number[]): number[] => [
  0xfd,
  ...leb(code),
  ...rest,
];
/** 16 bytes; they need not be aligned. */
export const load = (offset: number): number[] => simd(0, 4, ...leb(offset));
export const store = (offset: number): number[] => simd(11, 4, ...leb(offset));
export const not: readonly number[] = simd(77);
export const or: readonly number[] = simd(80);
export const xor: readonly number[] = simd(81);
export const select: readonly number[] = simd(82);
export const shiftLeft: readonly number[] = simd(171);
export const shiftRight: readonly number[] = simd(173);
export const add: readonly number[] = simd(174);

export function section(id: number, bytes: readonly number[]): number[] {
  return [id, ...leb(bytes.length), ...bytes];
}

export function text(name: string): number[] {
  return [name.length, ...Buffer.from(name)];
}

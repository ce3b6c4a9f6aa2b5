/** The Huffman tables of a bzip2 block, and which of its groups uses which. */
import { type BitReader, brokenArchive } from './bit-reader.ts';

const MAX_BITS = 20;
/** As many as 900,000 symbols have groups of 50. */
const MAX_SELECTORS = 18_002;

/** Canonical: codes of one length are consecutive numbers. */
export class HuffmanTable {
  readonly #symbols: Uint16Array;
  /** By length: the first code, how many there are, and where their symbols stand. */
  readonly #first = new Int32Array(MAX_BITS + 1);
  readonly #counts = new Int32Array(MAX_BITS + 1);
  readonly #offsets = new Int32Array(MAX_BITS + 1);

  constructor(lengths: Uint8Array) {
    for (const length of lengths) this.#counts[length] = (this.#counts[length] ?? 0) + 1;
    let code = 0;
    let offset = 0;
    for (let length = 1; length <= MAX_BITS; length++) {
      const count = this.#counts[length] ?? 0;
      code = (code + (this.#counts[length - 1] ?? 0)) << 1;
      this.#first[length] = code;
      this.#offsets[length] = offset;
      offset += count;
    }
    const places = Int32Array.from(this.#offsets);
    this.#symbols = new Uint16Array(lengths.length);
    for (const [symbol, length] of lengths.entries()) {
      const place = places[length] ?? 0;
      this.#symbols[place] = symbol;
      places[length] = place + 1;
    }
  }

  read(bits: BitReader): number {
    let code = 0;
    for (let length = 1; length <= MAX_BITS; length++) {
      code = (code << 1) | bits.read(1);
      const index = code - (this.#first[length] ?? 0);
      if (index >= 0 && index < (this.#counts[length] ?? 0)) {
        return this.#symbols[(this.#offsets[length] ?? 0) + index] ?? 0;
      }
    }
    throw brokenArchive('a block of bzip2 has a code that means nothing');
  }
}

export interface BlockTables {
  /** Bytes that the block has, ascending. */
  readonly symbols: readonly number[];
  /** By group: the number of its table. */
  readonly selectors: Uint8Array;
  readonly tables: readonly HuffmanTable[];
}

export async function readTables(bits: BitReader): Promise<BlockTables> {
  await bits.fill(40);
  const symbols = readSymbols(bits);
  const tableCount = bits.read(3);
  const selectorCount = bits.read(15);
  if (symbols.length === 0 || tableCount < 2 || tableCount > 6 || selectorCount === 0) {
    throw brokenArchive('a block of bzip2 has no tables');
  }
  const selectors = await readSelectors(bits, selectorCount, tableCount);
  const tables: HuffmanTable[] = [];
  for (let i = 0; i < tableCount; i++) tables.push(await readTable(bits, symbols.length + 2));
  return { symbols, selectors, tables };
}

function readSymbols(bits: BitReader): readonly number[] {
  const symbols: number[] = [];
  const ranges = bits.read(16);
  for (let range = 0; range < 16; range++) {
    if ((ranges & (0x8000 >> range)) === 0) continue;
    const used = bits.read(16);
    for (let i = 0; i < 16; i++) if ((used & (0x8000 >> i)) !== 0) symbols.push(range * 16 + i);
  }
  return symbols;
}

/** Each names a table by how recently it was used. Those beyond the most that a block needs are read and dropped, as bzip2 does. */
async function readSelectors(
  bits: BitReader,
  count: number,
  tableCount: number,
): Promise<Uint8Array> {
  const selectors = new Uint8Array(Math.min(count, MAX_SELECTORS));
  const recent = [0, 1, 2, 3, 4, 5].slice(0, tableCount);
  for (let i = 0; i < count; i++) {
    await bits.fill(2);
    let place = 0;
    while (bits.read(1) === 1) if (++place >= tableCount) throw brokenArchive('no such table');
    const [table = 0] = recent.splice(place, 1);
    recent.unshift(table);
    if (i < selectors.length) selectors[i] = table;
  }
  return selectors;
}

/** Lengths of codes, each told by its difference from the one before. */
async function readTable(bits: BitReader, symbolCount: number): Promise<HuffmanTable> {
  const lengths = new Uint8Array(symbolCount);
  await bits.fill(2);
  let length = bits.read(5);
  for (let i = 0; i < symbolCount; i++) {
    for (;;) {
      await bits.fill(2);
      if (length < 1 || length > MAX_BITS) throw brokenArchive('a code of bzip2 is too long');
      if (bits.read(1) === 0) break;
      length += bits.read(1) === 0 ? 1 : -1;
    }
    lengths[i] = length;
  }
  return new HuffmanTable(lengths);
}

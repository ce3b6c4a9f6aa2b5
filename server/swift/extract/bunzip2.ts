/**
 * Bzip2 (the format of bzip2 1.0), expanded as it comes. The libraries for it hold a block's whole
 * output, which forty bytes can make 46 MB long, and expand all blocks that they have at once; here
 * nothing is held but one block before its runs are expanded: 3.6 MB (decision 0007).
 */
import type { Clock } from '../../../base/clock.ts';
import { BitReader, brokenArchive } from './bit-reader.ts';
import { readTables } from './bunzip2-tables.ts';

const BLOCK = 0x3141_5926_5359;
const END = 0x1772_4538_5090;
/** Symbols that share one Huffman table. */
const GROUP = 50;
/** Groups between two pauses for others on this thread: some milliseconds. */
const BUSY_GROUPS = 500;
const OUTPUT_BYTES = 65_536;

/** Throws StoreError `invalid-argument` with detail `archive` for what is no bzip2. */
export async function* bunzip2(
  source: AsyncIterable<Uint8Array>,
  clock: Clock,
): AsyncGenerator<Uint8Array> {
  const bits = new BitReader(source);
  do {
    const blockSize = await readHead(bits);
    let combined = 0;
    while (await isBlock(bits)) {
      await bits.fill(8);
      const expected = bits.read(16) * 65_536 + bits.read(16);
      const block = await readBlock(bits, blockSize, clock);
      const crc = yield* expand(block);
      if (crc !== expected) throw brokenArchive('a block of bzip2 has another checksum');
      combined = ((combined << 1) | (combined >>> 31)) ^ crc;
    }
    await bits.fill(8);
    const stated = bits.read(16) * 65_536 + bits.read(16);
    if (stated !== combined >>> 0) throw brokenArchive('the bzip2 stream has another checksum');
    bits.alignToByte();
    // Streams may follow each other, as files of parallel compressors do.
  } while (await bits.fill(1));
}

/** The most bytes of a block before its runs are expanded. */
async function readHead(bits: BitReader): Promise<number> {
  await bits.fill(4);
  const isMagic = bits.read(8) === 0x42 && bits.read(8) === 0x5a && bits.read(8) === 0x68;
  const level = bits.read(8) - 0x30;
  if (!isMagic || level < 1 || level > 9) throw brokenArchive('this is no bzip2');
  return level * 100_000;
}

async function isBlock(bits: BitReader): Promise<boolean> {
  await bits.fill(7);
  const mark = bits.read(24) * 0x100_0000 + bits.read(24);
  if (mark === BLOCK) return true;
  if (mark === END) return false;
  throw brokenArchive('a block of bzip2 begins with something else');
}

interface Block {
  /** Of each byte of the transformed block: the byte below, the place of the next one above. */
  readonly chain: Uint32Array;
  readonly length: number;
  readonly origin: number;
}

async function readBlock(bits: BitReader, blockSize: number, clock: Clock): Promise<Block> {
  if (bits.read(1) !== 0) throw brokenArchive('randomised blocks are of bzip2 before 1.0');
  const origin = bits.read(24);
  const { symbols, selectors, tables } = await readTables(bits);
  const chain = new Uint32Array(blockSize);
  const counts = new Uint32Array(256);
  const recent = Uint8Array.from(symbols);
  const endSymbol = symbols.length + 1;
  let length = 0;
  let run = 0;
  let weight = 1;
  const flush = (): void => {
    if (length + run > blockSize) throw brokenArchive('a block of bzip2 is too long');
    const byte = recent[0] ?? 0;
    counts[byte] = (counts[byte] ?? 0) + run;
    chain.fill(byte, length, length + run);
    length += run;
    run = 0;
    weight = 1;
  };
  for (let group = 0; ; group++) {
    const table = tables[selectors[group] ?? -1];
    if (table === undefined) throw brokenArchive('a block of bzip2 has no end');
    if (group % BUSY_GROUPS === BUSY_GROUPS - 1) await clock.sleep(0);
    // A symbol has at most 20 bits.
    await bits.fill(GROUP * 3);
    for (let i = 0; i < GROUP; i++) {
      const symbol = table.read(bits);
      if (symbol <= 1) {
        run += weight << symbol;
        weight *= 2;
        if (run > blockSize) throw brokenArchive('a block of bzip2 is too long');
        continue;
      }
      if (run > 0) flush();
      if (symbol === endSymbol) return linked({ chain, counts, length, origin });
      if (length >= blockSize) throw brokenArchive('a block of bzip2 is too long');
      const place = symbol - 1;
      const byte = recent[place] ?? 0;
      recent.copyWithin(1, 0, place);
      recent[0] = byte;
      counts[byte] = (counts[byte] ?? 0) + 1;
      chain[length++] = byte;
    }
  }
}

/** Burrows and Wheeler's transform, inverted: each place learns which one comes next. */
function linked(block: Block & { readonly counts: Uint32Array }): Block {
  const { chain, counts, length, origin } = block;
  if (length > 0 && origin >= length) throw brokenArchive('a block of bzip2 begins outside');
  const next = new Uint32Array(256);
  let sum = 0;
  for (let byte = 0; byte < 256; byte++) {
    next[byte] = sum;
    sum += counts[byte] ?? 0;
  }
  for (let i = 0; i < length; i++) {
    const byte = (chain[i] ?? 0) & 0xff;
    const place = next[byte] ?? 0;
    next[byte] = place + 1;
    chain[place] = ((chain[place] ?? 0) & 0xff) | (i << 8);
  }
  return { chain, length, origin };
}

/** The block's bytes, its runs expanded: four equal ones are followed by how many more there are. Gives their checksum. */
async function* expand({ chain, length, origin }: Block): AsyncGenerator<Uint8Array, number> {
  let output = new Uint8Array(OUTPUT_BYTES);
  let used = 0;
  let crc = 0xffff_ffff;
  let equal = 0;
  let previous = -1;
  let place = length === 0 ? 0 : (chain[origin] ?? 0) >>> 8;
  for (let i = 0; i < length; i++) {
    const entry = chain[place] ?? 0;
    place = entry >>> 8;
    const byte = entry & 0xff;
    const isCount = equal === 4;
    const repeat = isCount ? byte : 1;
    const value = isCount ? previous : byte;
    if (isCount) equal = 0;
    else {
      equal = byte === previous ? equal + 1 : 1;
      previous = byte;
    }
    for (let copy = 0; copy < repeat; copy++) {
      crc = ((crc << 8) ^ (crcTable[((crc >>> 24) ^ value) & 0xff] ?? 0)) >>> 0;
      output[used++] = value;
      if (used < OUTPUT_BYTES) continue;
      yield output;
      output = new Uint8Array(OUTPUT_BYTES);
      used = 0;
    }
    if (isCount) previous = -1;
  }
  if (used > 0) yield output.subarray(0, used);
  return ~crc >>> 0;
}

/** CRC-32 with the highest bit first. */
const crcTable = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index << 24;
  for (let bit = 0; bit < 8; bit++) value = value < 0 ? (value << 1) ^ 0x04c1_1db7 : value << 1;
  return value >>> 0;
});

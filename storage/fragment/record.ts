/** The bytes of a fragment record: docs/format/fragment.md. */
import { fromUtf8, utf8 } from '../../base/bytes.ts';
import { StoreError } from '../../base/errors.ts';
import { fragmentIndex, MiB } from '../../base/units.ts';
import { crc32cOf, subBlockBytes, xxh64 } from './digest.ts';
import type { FragmentHeader } from './fragment.ts';

/** Records and all their parts begin at multiples of it. */
export const pageBytes = 4096;
export const maxUnitBytes: number = 16 * MiB;
export const maxKeyBytes = 1024;

const formatVersion = 1;
const magic = utf8('TORCFRG1');
const magicWord = new DataView(magic.buffer).getBigUint64(0, true);
/** Scheme id and matrix id of each code. */
const reedSolomon = { scheme: 1, matrix: 1 };
const locallyRepairable = { scheme: 2, matrix: 2 };
const crcOffset = 16;
const keyOffset = 112;
const digestsOffset = keyOffset + maxKeyBytes;
const fourZeros = new Uint8Array(4);

/** Where a record lies; written into it, and checked when it is read. */
export interface RecordPlace {
  /** 32 hex digits. */
  readonly deviceUuid: string;
  readonly volume: number;
  /** Offset in the volume / 4096. */
  readonly page: number;
}

export interface DecodedHeader {
  readonly header: FragmentHeader;
  readonly place: RecordPlace;
  /** xxh64 of each sub-block. */
  readonly digests: BigUint64Array;
}

/** Bytes that a record takes in its volume: header page and padded unit. */
export function recordBytes(unitLength: number): number {
  return pageBytes + Math.ceil(unitLength / pageBytes) * pageBytes;
}

function badHeader(why: string): StoreError {
  return new StoreError('corrupt', 'fragment.decode', `no valid fragment header: ${why}`);
}

function refuse(why: string): never {
  throw new StoreError('invalid-argument', 'fragment.encode', why);
}

const hex32 = /^[0-9a-f]{32}$/;

function isUint32(value: number): boolean {
  return value >>> 0 === value;
}

/** Why a header cannot be written, or is not to be believed; undefined when all is in range. */
function problemOf(header: FragmentHeader): string | undefined {
  const { k, m, index, unitLength, stripeLength } = header;
  if (!Number.isInteger(k) || k < 1 || k > 16) return 'k is not from 1 to 16';
  if (!Number.isInteger(m) || m < 0 || m > 6) return 'm is not from 0 to 6';
  if (header.code === 'lrc' && (k % 2 !== 0 || k < 4 || m !== 4)) return 'it is no k + 2 + 2';
  if (!Number.isInteger(index) || index < 0 || index >= k + m) return 'index is not below k + m';
  if (!isUint32(unitLength) || unitLength < 1 || unitLength > maxUnitBytes) {
    return 'unit length is not from 1 byte to 16 MiB';
  }
  if (!isUint32(stripeLength) || stripeLength > k * unitLength) {
    return 'stripe length is above k units';
  }
  if (!isUint32(header.stripe)) return 'stripe is not a 32-bit number';
  if (!Number.isSafeInteger(header.createdAt) || header.createdAt < 0) {
    return 'created is not a time';
  }
  return undefined;
}

/**
 * The header page of a record, still without place and CRC (`placeHeader`); `digests` are those of
 * the unit (`digestSubBlocks`). The caller owns the page. Throws `invalid-argument` for a header
 * that the format cannot hold.
 */
export function encodeHeader(header: FragmentHeader, digests: BigUint64Array): Uint8Array {
  const problem = problemOf(header);
  if (problem !== undefined) refuse(problem);
  if (!hex32.test(header.objectId)) refuse('object id is not 32 hex digits');
  if (!hex32.test(header.containerId)) refuse('container id is not 32 hex digits');
  if (digests.length !== Math.ceil(header.unitLength / subBlockBytes))
    refuse('digests are missing');
  const page = Buffer.alloc(pageBytes);
  page.set(magic, 0);
  page.writeUInt32LE(formatVersion, 8);
  page.writeUInt32LE(pageBytes, 12);
  page.writeUInt32LE(header.unitLength, 20);
  page.writeUInt32LE(header.stripeLength, 24);
  page.writeUInt32LE(header.stripe, 28);
  page[32] = header.index;
  page[33] = header.k;
  page[34] = header.m;
  const { scheme, matrix } = header.code === 'lrc' ? locallyRepairable : reedSolomon;
  page[35] = scheme;
  page[36] = matrix;
  const keyLength = Buffer.byteLength(header.key);
  if (keyLength > maxKeyBytes) refuse('key is longer than 1024 bytes');
  page.writeUInt16LE(keyLength, 38);
  page.writeUInt32LE(subBlockBytes, 40);
  page.writeUInt32LE(digests.length, 44);
  page.write(header.objectId, 48, 'hex');
  page.write(header.containerId, 64, 'hex');
  page.writeBigUInt64LE(BigInt(header.createdAt), 80);
  page.write(header.key, keyOffset, 'utf8');
  for (const [i, digest] of digests.entries()) page.writeBigUInt64LE(digest, digestsOffset + 8 * i);
  return page;
}

/** Writes its place, and then the CRC, into an encoded header page: the last step, also for a record that is copied elsewhere. */
export function placeHeader(page: Uint8Array, place: RecordPlace): void {
  const bytes = Buffer.from(page.buffer, page.byteOffset, pageBytes);
  bytes.write(place.deviceUuid, 88, 'hex');
  bytes.writeUInt32LE(place.volume, 104);
  bytes.writeUInt32LE(place.page, 108);
  bytes.writeUInt32LE(headerCrc(bytes), crcOffset);
}

function headerCrc(page: Uint8Array): number {
  return crc32cOf(page.subarray(0, crcOffset), fourZeros, page.subarray(crcOffset + 4, pageBytes));
}

/** Whether a page may begin a record: cheap, for scans. */
export function hasMagic(page: Uint8Array): boolean {
  if (page.length < pageBytes) return false;
  return new DataView(page.buffer, page.byteOffset).getBigUint64(0, true) === magicWord;
}

/** Reads a header page. Throws StoreError `corrupt` for anything that is not a valid one; the caller checks id and place. */
export function decodeHeader(page: Uint8Array): DecodedHeader {
  if (!hasMagic(page)) throw badHeader('magic');
  const bytes = Buffer.from(page.buffer, page.byteOffset, pageBytes);
  if (bytes.readUInt32LE(crcOffset) !== headerCrc(bytes)) throw badHeader('CRC');
  if (bytes.readUInt32LE(8) !== formatVersion) throw badHeader('format version');
  if (bytes.readUInt32LE(12) !== pageBytes) throw badHeader('header length');
  const code = decodeCode(bytes[35], bytes[36]);
  const created = bytes.readBigUInt64LE(80);
  const keyLength = bytes.readUInt16LE(38);
  if (keyLength > maxKeyBytes) throw badHeader('key length');
  const header: FragmentHeader = {
    objectId: bytes.toString('hex', 48, 64),
    stripe: bytes.readUInt32LE(28),
    index: fragmentIndex(bytes.readUInt8(32)),
    k: bytes.readUInt8(33),
    m: bytes.readUInt8(34),
    ...code,
    stripeLength: bytes.readUInt32LE(24),
    unitLength: bytes.readUInt32LE(20),
    containerId: bytes.toString('hex', 64, 80),
    key: decodeKey(bytes.subarray(keyOffset, keyOffset + keyLength)),
    createdAt: Number(created),
  };
  const problem = problemOf(header);
  if (problem !== undefined) throw badHeader(problem);
  const count = Math.ceil(header.unitLength / subBlockBytes);
  if (bytes.readUInt32LE(40) !== subBlockBytes || bytes.readUInt32LE(44) !== count) {
    throw badHeader('sub-blocks');
  }
  const digests = new BigUint64Array(count);
  for (let i = 0; i < count; i++) digests[i] = bytes.readBigUInt64LE(digestsOffset + 8 * i);
  const deviceUuid = bytes.toString('hex', 88, 104);
  const place = { deviceUuid, volume: bytes.readUInt32LE(104), page: bytes.readUInt32LE(108) };
  return { header, place, digests };
}

function decodeCode(scheme = 0, matrix = 0): Pick<FragmentHeader, 'code'> {
  const is = (code: typeof reedSolomon): boolean =>
    code.scheme === scheme && code.matrix === matrix;
  if (is(reedSolomon)) return {};
  if (is(locallyRepairable)) return { code: 'lrc' };
  throw badHeader('scheme');
}

function decodeKey(bytes: Uint8Array): string {
  try {
    return fromUtf8(bytes);
  } catch (error) {
    throw new StoreError('corrupt', 'fragment.decode', 'the key is not UTF-8', { cause: error });
  }
}

/**
 * Checks consecutive sub-blocks against their digests: `bytes` begin with sub-block `first` and end
 * with a sub-block's or the unit's end. Throws StoreError `corrupt` at the first that differs.
 */
export function verifySubBlocks(digests: BigUint64Array, first: number, bytes: Uint8Array): void {
  const count = Math.ceil(bytes.length / subBlockBytes);
  for (let i = 0; i < count; i++) {
    const piece = bytes.subarray(i * subBlockBytes, (i + 1) * subBlockBytes);
    if (xxh64(piece) !== digests[first + i]) {
      const detail = { subBlock: first + i };
      throw new StoreError('corrupt', 'fragment.verify', 'a sub-block differs from its digest', {
        detail,
      });
    }
  }
}

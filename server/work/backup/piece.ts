/** The bytes of one piece of a backup: docs/format/metadata-backup.md. */
import { crc32c } from '@node-rs/crc32';
import { fromUtf8, utf8 } from '../../../base/bytes.ts';
import { isStoreError, StoreError } from '../../../base/errors.ts';
import type { BackupRecords } from '../../../storage/shard/backup/backup-peer.ts';
import type { ReplicaStatus } from '../../../storage/shard/peer.ts';
import { xxh64 } from '../../../storage/fragment/digest.ts';

/** What a piece says of itself. */
export interface PieceHeader {
  readonly format: 1;
  readonly clusterId: string;
  readonly shard: number;
  /** 8 random bytes, hex: of all pieces from one copy of all rows to the next. */
  readonly chain: string;
  /** 0, 1, 2, … in the chain. */
  readonly number: number;
  /** The body that holds the piece before it; absent in the first. */
  readonly previous?: string | undefined;
  /** Where a replica stands that was made of the chain up to here; `ready`: all rows are there. */
  readonly status: ReplicaStatus;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  /** Of the records behind the header. */
  readonly bytes: number;
  /** xxh64 of them, hex. */
  readonly hash: string;
}

export interface Piece {
  readonly header: PieceHeader;
  readonly records: Uint8Array;
}

const magic = utf8('TORCBKP1');
const fixedBytes = 24;
/** The status names at most 64 epochs. */
const headerMax = 64 * 1024;

/** The whole body, in chunks; the records are handed over. */
export function encodePiece(
  header: Omit<PieceHeader, 'format' | 'status' | 'bytes' | 'hash'>,
  { records, bytes, status }: BackupRecords,
): readonly Uint8Array[] {
  const content = Buffer.concat(records, bytes);
  const { condition, epoch, sequence, time, history } = status;
  const whole: PieceHeader = {
    format: 1,
    ...header,
    status: { condition, epoch, sequence, time, history },
    bytes,
    hash: hashOf(content),
  };
  const text = utf8(JSON.stringify(whole));
  const head = Buffer.alloc(paddedHead(text.length));
  head.set(magic);
  head.writeUInt32LE(1, 8);
  head.writeUInt32LE(text.length, 12);
  head.writeUInt32LE(crc32c(text), 16);
  head.writeUInt32LE(crc32c(head.subarray(0, 20)), 20);
  head.set(text, fixedBytes);
  return [head, content];
}

function hashOf(records: Uint8Array): string {
  return xxh64(records).toString(16).padStart(16, '0');
}

function paddedHead(textLength: number): number {
  return Math.ceil((fixedBytes + textLength) / 8) * 8;
}

/** What a body begins with that is a piece. */
export interface DecodedHead {
  readonly header: PieceHeader;
  /** Where the records begin. */
  readonly headBytes: number;
}

/** Reads what a body begins with; undefined when that is no piece of a backup, or one of a newer format. */
export function decodePieceHead(start: Uint8Array): DecodedHead | undefined {
  const bytes = Buffer.from(start.buffer, start.byteOffset, start.length);
  if (bytes.length < fixedBytes || !bytes.subarray(0, 8).equals(magic)) return undefined;
  if (bytes.readUInt32LE(20) !== crc32c(bytes.subarray(0, 20))) return undefined;
  const length = bytes.readUInt32LE(12);
  if (bytes.readUInt32LE(8) !== 1 || length > headerMax) return undefined;
  const text = bytes.subarray(fixedBytes, fixedBytes + length);
  if (text.length !== length || bytes.readUInt32LE(16) !== crc32c(text)) return undefined;
  const header = JSON.parse(fromUtf8(text)) as PieceHeader;
  return { header, headBytes: paddedHead(length) };
}

/** Reads a whole body. StoreError `corrupt` when it is no whole piece. */
export function decodePiece(body: Uint8Array): Piece {
  const head = decodePieceHead(body);
  if (head === undefined) throw notWhole();
  const { header, headBytes } = head;
  const records = body.subarray(headBytes, headBytes + header.bytes);
  if (records.length !== header.bytes || hashOf(records) !== header.hash) throw notWhole();
  return { header, records };
}

function notWhole(): StoreError {
  return new StoreError('corrupt', 'backup.read', 'it is no whole piece of a backup');
}

/** Whether reading a piece failed so that an older one may do. */
export function isUnreadable(error: unknown): boolean {
  return isStoreError(error, 'corrupt') || isStoreError(error, 'unavailable');
}

/**
 * Batches of the device log: what one write and one fdatasync carry. Bytes: docs/format/shard-log.md.
 *
 * Only one batch is ever in flight, so a valid batch behind a bad one proves that the bad one had
 * been synced: it is damage, not a torn tail.
 */
import { crc32c } from '@node-rs/crc32';
import { type LogRecord, asBuffer, decodeRecord, recordCrc, recordHeaderBytes } from './record.ts';
import { StoreError } from '../../../base/errors.ts';

export const pageBytes = 4096;
export const batchHeaderBytes = 64;
const batchMagic = 0x474f4c54; // "TLOG", little-endian
const batchVersion = 1;

/** A place in a device's log. Batches count 1, 2, 3, … over all segments. */
export interface LogPlace {
  readonly segment: number;
  readonly offset: number;
  /** Number of the batch that begins (or will begin) here. */
  readonly number: number;
}

export interface BatchHeader extends LogPlace {
  /** Header and records, without padding. */
  readonly length: number;
  readonly records: number;
  /** Binds the records to the batch. */
  readonly recordsCheck: number;
}

export interface DecodedBatch {
  readonly place: LogPlace;
  /** With padding. */
  readonly paddedLength: number;
  readonly records: readonly BatchRecord[];
}

export interface BatchRecord {
  readonly record: LogRecord;
  /** In the segment. */
  readonly offset: number;
  /** The record's bytes, a view that dies with the scan's next step. */
  readonly bytes: Uint8Array;
}

export function paddedToPage(length: number): number {
  return Math.ceil(length / pageBytes) * pageBytes;
}

/** Folds a record's CRC into the batch's check; start with 0. */
export function foldCheck(check: number, crc: number): number {
  return Math.imul(check ^ crc, 0x9e3779b1) >>> 0;
}

export function encodeBatchHeader(into: Uint8Array, header: BatchHeader): void {
  const buffer = asBuffer(into);
  buffer.fill(0, 0, batchHeaderBytes);
  buffer.writeUInt32LE(batchMagic, 0);
  buffer[4] = batchVersion;
  buffer.writeUInt32LE(header.number % 0x1_0000_0000, 8);
  buffer.writeUInt32LE(Math.floor(header.number / 0x1_0000_0000), 12);
  buffer.writeUInt32LE(header.segment, 16);
  buffer.writeUInt32LE(header.offset, 20);
  buffer.writeUInt32LE(header.length, 24);
  buffer.writeUInt32LE(header.records, 28);
  buffer.writeUInt32LE(header.recordsCheck, 32);
  buffer.writeUInt32LE(crc32c(buffer.subarray(0, 60)), 60);
}

/** Undefined when there is no valid header of a batch that was written to this very place. */
export function decodeBatchHeader(
  bytes: Uint8Array,
  segment: number,
  offset: number,
): BatchHeader | undefined {
  if (bytes.length < batchHeaderBytes) return undefined;
  const buffer = asBuffer(bytes);
  if (buffer.readUInt32LE(0) !== batchMagic) return undefined;
  if (buffer.readUInt32LE(60) !== crc32c(buffer.subarray(0, 60))) return undefined;
  if (buffer[4] !== batchVersion) {
    throw new StoreError('corrupt', 'log.scan', 'the log is of a newer format');
  }
  const header: BatchHeader = {
    number: buffer.readUInt32LE(12) * 0x1_0000_0000 + buffer.readUInt32LE(8),
    segment: buffer.readUInt32LE(16),
    offset: buffer.readUInt32LE(20),
    length: buffer.readUInt32LE(24),
    records: buffer.readUInt32LE(28),
    recordsCheck: buffer.readUInt32LE(32),
  };
  const here = header.segment === segment && header.offset === offset;
  return here && header.length >= batchHeaderBytes ? header : undefined;
}

/** Reads the batch that `bytes` begins with; undefined when any part of it is bad. `bytes` must reach to the batch's end. */
export function decodeBatch(bytes: Uint8Array, header: BatchHeader): DecodedBatch | undefined {
  if (header.length > bytes.length) return undefined;
  const batch = bytes.subarray(0, header.length);
  const records: BatchRecord[] = [];
  let check = 0;
  let at = batchHeaderBytes;
  try {
    while (at < header.length) {
      const { record, length } = decodeRecord(batch, at);
      const end = Math.min(at + length, header.length);
      check = foldCheck(check, recordCrc(batch.subarray(at, at + recordHeaderBytes)));
      records.push({ record, offset: header.offset + at, bytes: batch.subarray(at, end) });
      at += length;
    }
  } catch (error) {
    if (error instanceof StoreError) return undefined;
    throw error;
  }
  if (records.length !== header.records || check !== header.recordsCheck) return undefined;
  const place = { segment: header.segment, offset: header.offset, number: header.number };
  return { place, paddedLength: paddedToPage(header.length), records };
}

/**
 * Records of the device log. The bytes are in docs/format/shard-log.md.
 *
 * A record is encoded once, at the primary, and the same bytes go into the log of every replica.
 * Rows stand in it in the very form in which the index keeps them, so that applying a row without
 * an inline body copies nothing.
 */
import { crc32c } from '@node-rs/crc32';
import { StoreError } from '../../../base/errors.ts';
import { invariant } from '../../../base/invariant.ts';
import {
  type Epoch,
  type Micros,
  type Sequence,
  type ShardId,
  epoch,
  micros,
  sequence,
  shardId,
} from '../../../base/units.ts';
import { xxh32, xxh64 } from './digest.ts';

export const recordHeaderBytes = 64;
const recordMagic = 0x43455254; // "TREC", little-endian
const recordVersion = 1;
/** Records start at multiples of this. */
const recordAlignment = 8;

export const recordTypes = {
  /** Row writes of one commit. */
  commit: 1,
  /** The replica forgets all rows; `extra`: its status afterwards. */
  reset: 2,
  /** From `sequence` on, commits of `epoch` follow; nothing of a lower epoch is taken any more. */
  epoch: 3,
  /** Rows copied from another replica, each with the sequence that wrote it. */
  rows: 4,
  /** The copy is complete; `extra`: the epoch history. */
  level: 5,
  /** Inline bodies written anew on this device; says nothing about rows. */
  relocate: 6,
  /** The device no longer holds a replica of the shard. */
  remove: 7,
} as const;
export type RecordType = (typeof recordTypes)[keyof typeof recordTypes];

export const entryOps = { put: 1, putBodyOf: 2, delete: 3, relocate: 4 } as const;
export type EntryOp = (typeof entryOps)[keyof typeof entryOps];

/** What a row's inline body is known by. */
export interface BodyDigest {
  readonly length: number;
  readonly hash: bigint;
}

export interface EntryInput {
  readonly op: EntryOp;
  readonly key: Uint8Array;
  readonly meta: Uint8Array;
  /** The commit that wrote the row. */
  readonly sequence: Sequence;
  /** Bytes that this record carries. */
  readonly body?: Uint8Array | undefined;
  /** For `putBodyOf`: what the body of the row `from` is. */
  readonly bodyOf?: BodyDigest | undefined;
  readonly from?: Uint8Array | undefined;
}

/** A row in a record, as views into the record's bytes. */
export interface Entry {
  readonly op: EntryOp;
  readonly key: Uint8Array;
  /** The index value, with the place of the body left zero. */
  readonly value: Uint8Array;
  /** From the start of the record; undefined when the record does not carry a body for this row. */
  readonly bodyOffset: number | undefined;
  readonly from: Uint8Array | undefined;
}

export interface LogRecord {
  readonly type: RecordType;
  readonly shard: ShardId;
  readonly epoch: Epoch;
  readonly sequence: Sequence;
  readonly time: Micros;
  readonly entries: readonly Entry[];
  readonly extra: Uint8Array;
}

/** A record ready to be written: `pieces` one after the other, then zeros up to `length`. */
export interface EncodedRecord extends LogRecord {
  readonly pieces: readonly Uint8Array[];
  readonly length: number;
  readonly bodyBytes: number;
}

export interface RecordInput {
  readonly type: RecordType;
  readonly shard: ShardId;
  readonly epoch: Epoch;
  readonly sequence: Sequence;
  readonly time: Micros;
  readonly entries?: readonly EntryInput[];
  readonly extra?: Uint8Array;
}

const entryHeadBytes = 8;

/** Index value: 16 bytes of this device, then what all replicas share. */
export const valueOffsets = {
  check: 0,
  version: 4,
  flags: 5,
  segment: 8,
  offset: 12,
  shared: 16,
  sequence: 16,
  bodyHash: 24,
  bodyLength: 32,
  metaLength: 36,
  meta: 40,
} as const;
export const valueVersion = 1;
const noBody = 0xffffffff;
export { noBody as noBodyLength };

export const keyLengthMax = 4096;
/** An object of 10,000 parts that all differ in size has a row of some 350 KiB. */
export const metaLengthMax: number = 1024 * 1024;
export const bodyLengthMax: number = 64 * 1024;
const entriesMax = 65535;
const recordLengthMax = 64 * 1024 * 1024;

const empty = new Uint8Array(0);

function writeU64(buffer: Buffer, value: number, at: number): void {
  buffer.writeUInt32LE(value % 0x1_0000_0000, at);
  buffer.writeUInt32LE(Math.floor(value / 0x1_0000_0000), at + 4);
}

function readU64(buffer: Buffer, at: number): number {
  return buffer.readUInt32LE(at + 4) * 0x1_0000_0000 + buffer.readUInt32LE(at);
}

/** Covers the row's key and all of the value that replicas share; a flipped bit in the index shows. */
export function rowCheck(key: Uint8Array, value: Uint8Array): number {
  return xxh32(value.subarray(valueOffsets.shared), xxh32(key));
}

function checkLimits(input: EntryInput): void {
  const within =
    input.key.length <= keyLengthMax &&
    (input.from?.length ?? 0) <= keyLengthMax &&
    input.meta.length <= metaLengthMax &&
    (input.body?.length ?? 0) <= bodyLengthMax;
  if (!within) throw new StoreError('invalid-argument', 'record.encode', 'a row is too large');
}

function entryLength(input: EntryInput): number {
  const value = valueOffsets.meta + input.meta.length;
  return entryHeadBytes + value + input.key.length + (input.from?.length ?? 0);
}

function encodeEntry(buffer: Buffer, start: number, input: EntryInput): Entry {
  buffer[start] = input.op;
  buffer[start + 1] = 0;
  buffer.writeUInt16LE(input.key.length, start + 2);
  buffer.writeUInt32LE(input.from?.length ?? 0, start + 4);
  const at = start + entryHeadBytes;
  const keyAt = at + valueOffsets.meta + input.meta.length;
  const fromAt = keyAt + input.key.length;
  buffer.fill(0, at, at + valueOffsets.shared);
  buffer[at + valueOffsets.version] = valueVersion;
  writeU64(buffer, input.sequence, at + valueOffsets.sequence);
  const length = input.body?.length ?? input.bodyOf?.length ?? noBody;
  const hash = input.body === undefined ? (input.bodyOf?.hash ?? 0n) : xxh64(input.body);
  buffer.writeBigUInt64LE(hash, at + valueOffsets.bodyHash);
  buffer.writeUInt32LE(length, at + valueOffsets.bodyLength);
  buffer.writeUInt32LE(input.meta.length, at + valueOffsets.metaLength);
  buffer.set(input.meta, at + valueOffsets.meta);
  buffer.set(input.key, keyAt);
  if (input.from !== undefined) buffer.set(input.from, fromAt);
  const key = buffer.subarray(keyAt, fromAt);
  const value = buffer.subarray(at, keyAt);
  buffer.writeUInt32LE(rowCheck(key, value), at + valueOffsets.check);
  const from = input.from === undefined ? undefined : input.from;
  return { op: input.op, key, value, bodyOffset: undefined, from };
}

/** Bodies are borrowed until the record is durable; everything else is copied. */
export function encodeRecord(input: RecordInput): EncodedRecord {
  const inputs = input.entries ?? [];
  const extra = input.extra ?? empty;
  let headLength = recordHeaderBytes + extra.length;
  for (const one of inputs) {
    checkLimits(one);
    headLength += entryLength(one);
  }
  const head = Buffer.allocUnsafe(headLength);
  const pieces: Uint8Array[] = [head];
  const entries: Entry[] = [];
  let at = recordHeaderBytes;
  let length = headLength;
  for (const one of inputs) {
    const entry = encodeEntry(head, at, one);
    at += entryLength(one);
    if (one.body === undefined) {
      entries.push(entry);
    } else {
      entries.push({ ...entry, bodyOffset: length });
      pieces.push(one.body);
      length += one.body.length;
    }
  }
  head.set(extra, at);
  if (inputs.length > entriesMax || length > recordLengthMax) {
    throw new StoreError('invalid-argument', 'record.encode', 'a commit is too large');
  }
  const bodyBytes = length - headLength;
  writeHeader(head, input, { entries: inputs.length, extra: extra.length, bodyBytes });
  const padded = Math.ceil(length / recordAlignment) * recordAlignment;
  const { type, shard, time } = input;
  return {
    type,
    shard,
    epoch: input.epoch,
    sequence: input.sequence,
    time,
    entries,
    extra,
    pieces,
    length: padded,
    bodyBytes,
  };
}

function writeHeader(
  head: Buffer,
  input: RecordInput,
  sizes: { entries: number; extra: number; bodyBytes: number },
): void {
  head.writeUInt32LE(recordMagic, 0);
  head[4] = recordVersion;
  head[5] = input.type;
  head.writeUInt16LE(sizes.entries, 6);
  head.writeUInt32LE(input.shard, 8);
  head.writeUInt32LE(input.epoch, 12);
  writeU64(head, input.sequence, 16);
  writeU64(head, input.time, 24);
  head.writeUInt32LE(head.length - recordHeaderBytes, 32);
  head.writeUInt32LE(sizes.bodyBytes, 36);
  head.writeBigUInt64LE(xxh64(head.subarray(recordHeaderBytes)), 40);
  head.writeUInt32LE(sizes.extra, 48);
  head.fill(0, 52, 60);
  head.writeUInt32LE(crc32c(head.subarray(0, 60)), 60);
}

/** The CRC32C in a record's header, by which a batch names the records that belong to it. */
export function recordCrc(head: Uint8Array): number {
  return asBuffer(head).readUInt32LE(60);
}

export function asBuffer(bytes: Uint8Array): Buffer {
  if (bytes instanceof Buffer) return bytes;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function corrupt(message: string): StoreError {
  return new StoreError('corrupt', 'record.decode', message);
}

const knownTypes: ReadonlySet<number> = new Set(Object.values(recordTypes));
const knownOps: ReadonlySet<number> = new Set(Object.values(entryOps));

function isRecordType(value: number): value is RecordType {
  return knownTypes.has(value);
}

function isEntryOp(value: number): value is EntryOp {
  return knownOps.has(value);
}

/**
 * Reads and verifies the record at `at`, without the bytes of its inline bodies when `bodies` is
 * `skip` (they are verified when read). The result's views borrow `bytes`. StoreError `corrupt`.
 */
export function decodeRecord(
  bytes: Uint8Array,
  at: number,
  bodies: 'verify' | 'skip' = 'verify',
): { readonly record: LogRecord; readonly length: number } {
  const left = asBuffer(bytes.subarray(at));
  if (left.length < recordHeaderBytes) throw corrupt("the record's header is cut off");
  if (left.readUInt32LE(0) !== recordMagic) throw corrupt('not a record');
  if (left.readUInt32LE(60) !== crc32c(left.subarray(0, 60))) throw corrupt('bad header CRC');
  if (left[4] !== recordVersion) throw corrupt('a record of an unknown version');
  const type = left[5] ?? 0;
  if (!isRecordType(type)) throw corrupt('a record of an unknown type');
  const payloadLength = left.readUInt32LE(32);
  const bodyLength = left.readUInt32LE(36);
  const headLength = recordHeaderBytes + payloadLength;
  if (headLength + bodyLength > left.length) throw corrupt('the record is cut off');
  const payload = left.subarray(recordHeaderBytes, headLength);
  if (xxh64(payload) !== left.readBigUInt64LE(40)) throw corrupt('bad payload digest');
  const extraLength = left.readUInt32LE(48);
  if (extraLength > payloadLength) throw corrupt('bad length of the extra bytes');
  const entriesEnd = headLength - extraLength;
  const entries = decodeEntries(left.subarray(0, headLength + bodyLength), {
    count: left.readUInt16LE(6),
    end: entriesEnd,
    bodiesFrom: headLength,
    verify: bodies === 'verify',
  });
  const record: LogRecord = {
    type,
    shard: shardId(left.readUInt32LE(8)),
    epoch: epoch(left.readUInt32LE(12)),
    sequence: sequence(readU64(left, 16)),
    time: micros(readU64(left, 24)),
    entries,
    extra: left.subarray(entriesEnd, headLength),
  };
  const length = Math.ceil((headLength + bodyLength) / recordAlignment) * recordAlignment;
  return { record, length };
}

function decodeEntries(
  record: Buffer,
  layout: { count: number; end: number; bodiesFrom: number; verify: boolean },
): Entry[] {
  const entries: Entry[] = [];
  let at = recordHeaderBytes;
  let bodyAt = layout.bodiesFrom;
  for (let i = 0; i < layout.count; i++) {
    if (at + entryHeadBytes + valueOffsets.meta > layout.end) throw corrupt('an entry is cut off');
    const op = record[at] ?? 0;
    if (!isEntryOp(op)) throw corrupt('an entry of an unknown kind');
    const valueAt = at + entryHeadBytes;
    const keyAt =
      valueAt + valueOffsets.meta + record.readUInt32LE(valueAt + valueOffsets.metaLength);
    const fromAt = keyAt + record.readUInt16LE(at + 2);
    const end = fromAt + record.readUInt32LE(at + 4);
    if (end > layout.end) throw corrupt('an entry is cut off');
    const value = record.subarray(valueAt, keyAt);
    const carries = op === entryOps.put || op === entryOps.relocate;
    const bodyLength = value.readUInt32LE(valueOffsets.bodyLength);
    const bodyOffset = carries && bodyLength !== noBody ? bodyAt : undefined;
    if (bodyOffset !== undefined) {
      bodyAt += bodyLength;
      if (bodyAt > record.length) throw corrupt('an inline body is cut off');
      if (layout.verify) {
        const hash = value.readBigUInt64LE(valueOffsets.bodyHash);
        if (xxh64(record.subarray(bodyOffset, bodyAt)) !== hash) throw corrupt('bad body digest');
      }
    }
    const from = end > fromAt ? record.subarray(fromAt, end) : undefined;
    entries.push({ op, key: record.subarray(keyAt, fromAt), value, bodyOffset, from });
    at = end;
  }
  if (at !== layout.end) throw corrupt('bytes that belong to no entry');
  return entries;
}

/** A decoded record in the form of one that is to be written again; the bytes are copied. */
export function reencode(record: LogRecord, bytes: Uint8Array): EncodedRecord {
  const own = new Uint8Array(bytes);
  const { record: copy } = decodeRecord(own, 0, 'skip');
  invariant(copy.sequence === record.sequence, 'the bytes are those of the record');
  const length = Math.ceil(own.length / recordAlignment) * recordAlignment;
  return { ...copy, pieces: [own], length, bodyBytes: asBuffer(own).readUInt32LE(36) };
}

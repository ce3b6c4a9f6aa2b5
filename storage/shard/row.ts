/** Rows as the index keeps them: keys and values. Bytes: docs/format/rows.md. */
import type { AbstractLevel } from 'abstract-level';
import { StoreError } from '../../base/errors.ts';
import { type Sequence, type ShardId, sequence } from '../../base/units.ts';
import {
  type BodyDigest,
  asBuffer,
  noBodyLength,
  rowCheck,
  valueOffsets,
  valueVersion,
} from './log/record.ts';
import { prefixEnd } from './row-key.ts';
import type { Row } from './shard.ts';

/** A device's index, shared with the fragment layer; keys and values in `view` encoding. */
export type Index = AbstractLevel<string | Buffer | Uint8Array, Uint8Array, Uint8Array>;

/** First byte of the keys that the shard layer uses; all others belong to somebody else. */
export const indexPrefixes: { readonly row: 0x72; readonly state: 0x73 } = {
  row: 0x72,
  state: 0x73,
};

const shardPrefixBytes = 5;

/** All rows of a shard in a device's index begin with this. */
export function shardPrefix(shard: ShardId): Uint8Array {
  const prefix = Buffer.allocUnsafe(shardPrefixBytes);
  prefix[0] = indexPrefixes.row;
  prefix.writeUInt32BE(shard, 1);
  return prefix;
}

export function indexKey(prefix: Uint8Array, key: Uint8Array): Uint8Array {
  const joined = new Uint8Array(prefix.length + key.length);
  joined.set(prefix);
  joined.set(key, prefix.length);
  return joined;
}

/** Everything that starts with `prefix`, as index bounds. */
export function prefixRange(prefix: Uint8Array): { gte: Uint8Array; lt: Uint8Array } {
  const end = prefixEnd(prefix);
  if (end === undefined) throw new StoreError('internal', 'row.range', 'a prefix without an end');
  return { gte: prefix, lt: end };
}

const deletedPerBatch = 1000;

/** Deletes a range in batches, so that neither memory nor the event loop suffers. Not atomic. */
export async function deleteRange(
  index: Index,
  range: { readonly gte: Uint8Array; readonly lt: Uint8Array },
): Promise<void> {
  for (;;) {
    const keys = await index.keys({ ...range, limit: deletedPerBatch }).all();
    if (keys.length === 0) return;
    await index.batch(keys.map((key) => ({ type: 'del', key })));
  }
}

/** Where an inline body lies in the log of its device. */
export interface BodyPlace {
  readonly segment: number;
  readonly offset: number;
}

/** The place of a body that this device should have and has not; it is fetched from another replica when read. */
export const missingBody: BodyPlace = { segment: 0xffffffff, offset: 0 };

export interface StoredRow extends Row {
  /** The commit that wrote it. */
  readonly sequence: Sequence;
  readonly body: (BodyDigest & BodyPlace) | undefined;
}

/** Reads an index value. StoreError `corrupt` when it is not what was written under this key. */
export function decodeRow(key: Uint8Array, value: Uint8Array): StoredRow {
  const buffer = asBuffer(value);
  const long = buffer.length >= valueOffsets.meta && buffer[valueOffsets.version] === valueVersion;
  if (!long || buffer.readUInt32LE(valueOffsets.check) !== rowCheck(key, buffer)) {
    throw new StoreError('corrupt', 'row.decode', 'a row in the index is damaged');
  }
  const length = buffer.readUInt32LE(valueOffsets.bodyLength);
  const body =
    length === noBodyLength
      ? undefined
      : {
          length,
          hash: buffer.readBigUInt64LE(valueOffsets.bodyHash),
          segment: buffer.readUInt32LE(valueOffsets.segment),
          offset: buffer.readUInt32LE(valueOffsets.offset),
        };
  return {
    key,
    meta: buffer.subarray(valueOffsets.meta),
    bodyLength: body?.length,
    sequence: sequenceOf(buffer),
    body,
  };
}

/** A row from a value that this process encoded itself: nothing to verify. */
export function rowOf(key: Uint8Array, value: Uint8Array): Row {
  return { key, meta: value.subarray(valueOffsets.meta), bodyLength: digestOf(value)?.length };
}

/** The commit that wrote the row, from its value, without verification. */
export function sequenceOf(value: Uint8Array): Sequence {
  const buffer = asBuffer(value);
  const high = buffer.readUInt32LE(valueOffsets.sequence + 4);
  return sequence(high * 0x1_0000_0000 + buffer.readUInt32LE(valueOffsets.sequence));
}

export function placeOf(value: Uint8Array): BodyPlace {
  const buffer = asBuffer(value);
  return {
    segment: buffer.readUInt32LE(valueOffsets.segment),
    offset: buffer.readUInt32LE(valueOffsets.offset),
  };
}

/** A copy of the value with the body at another place. */
export function withPlace(value: Uint8Array, place: BodyPlace): Uint8Array {
  const copy = Buffer.allocUnsafe(value.length);
  copy.set(value);
  copy.writeUInt32LE(place.segment, valueOffsets.segment);
  copy.writeUInt32LE(place.offset, valueOffsets.offset);
  return copy;
}

export function digestOf(value: Uint8Array): BodyDigest | undefined {
  const buffer = asBuffer(value);
  const length = buffer.readUInt32LE(valueOffsets.bodyLength);
  if (length === noBodyLength) return undefined;
  return { length, hash: buffer.readBigUInt64LE(valueOffsets.bodyHash) };
}

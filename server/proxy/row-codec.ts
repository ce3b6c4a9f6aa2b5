/**
 * The one translator between core's tables and stored rows (docs/format/rows.md).
 * Key: area, then a 16-byte id, a tag and the table's own fields. Value: a version byte, then JSON.
 */
import { fromHex, fromUtf8, toHex, utf8 } from '../../base/bytes.ts';
import { StoreError } from '../../base/errors.ts';
import { type Micros, micros } from '../../base/units.ts';
import { decodeName, encodeName, prefixEnd } from '../../storage/shard/row-key.ts';
import type { Row } from '../../storage/shard/shard.ts';
import { type KeyOf, localTables, type RowOf, type TableName } from '../core/ports.ts';
import type { DueKey, DueLane } from '../core/lifecycle/due-key.ts';

const AREA_LOCAL = 0x00;
const AREA_ROWS = 0x01;
const VALUE_FORMAT = 1;

/** Tags order the regions of one id; they are part of the format and never reused. */
const tags = {
  account: 0x01,
  directory: 0x02,
  bucketName: 0x03,
  container: 0x10,
  usage: 0x11,
  round: 0x12,
  reserved: 0x13,
  current: 0x20,
  version: 0x21,
  tombstone: 0x22,
  upload: 0x30,
  part: 0x31,
  claim: 0x40,
  accountUsage: 0x41,
  queue: 0x42,
  event: 0x43,
  backlog: 0x44,
  due: 0x45,
  backup: 0x46,
  pour: 0x47,
} as const satisfies Record<TableName, number>;

function rowsKey(id: string, tag: number, ...rest: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat([Uint8Array.of(AREA_ROWS), fromHex(id), Uint8Array.of(tag), ...rest]);
}

function localKey(tag: number, ...rest: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat([Uint8Array.of(AREA_LOCAL, tag), ...rest]);
}

/** Eight bytes, big-endian: sorts as the number does. */
export function orderedNumber(value: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

/** Nothing: the shard's own; else four bytes, big-endian: of the shard with this number. */
function joinedFrom(shard: number | undefined): Uint8Array {
  if (shard === undefined) return new Uint8Array(0);
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(shard);
  return bytes;
}

/** Sorts newest first. */
export function invertedNumber(value: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(0xffff_ffff_ffff_ffffn - BigInt(value));
  return bytes;
}

function shortNumber(value: number): Uint8Array {
  return Uint8Array.of(value >>> 8, value & 0xff);
}

const name = (text: string): Uint8Array => encodeName(utf8(text));

type KeyEncoders = { readonly [T in TableName]: (key: KeyOf<T>) => Uint8Array };

const encoders: KeyEncoders = {
  account: (key) => rowsKey(key.accountId, tags.account),
  directory: (key) => rowsKey(key.accountId, tags.directory, name(key.name)),
  bucketName: (key) => rowsKey(key.nameId, tags.bucketName),
  container: (key) => rowsKey(key.containerId, tags.container),
  usage: (key) => rowsKey(key.containerId, tags.usage),
  round: (key) => rowsKey(key.containerId, tags.round),
  reserved: (key) => rowsKey(key.containerId, tags.reserved),
  current: (key) => rowsKey(key.containerId, tags.current, name(key.key)),
  version: (key) =>
    rowsKey(key.containerId, tags.version, name(key.key), invertedNumber(key.version)),
  tombstone: (key) => rowsKey(key.containerId, tags.tombstone, name(key.key)),
  upload: (key) => rowsKey(key.containerId, tags.upload, name(key.key), fromHex(key.uploadId)),
  part: (key) =>
    rowsKey(
      key.containerId,
      tags.part,
      name(key.key),
      fromHex(key.uploadId),
      shortNumber(key.partNumber),
    ),
  claim: (key) => localKey(tags.claim, fromHex(key.objectId)),
  accountUsage: (key) => localKey(tags.accountUsage, fromHex(key.accountId), joinedFrom(key.from)),
  queue: (key) => localKey(tags.queue, orderedNumber(key.dueAt), utf8(key.id)),
  due: (key) => Buffer.concat([dueLane(key.lane), orderedNumber(key.dueAt), utf8(key.id)]),
  event: (key) => localKey(tags.event, fromHex(key.feedId), orderedNumber(key.stamp)),
  backlog: (key) => localKey(tags.backlog, name(key.target), fromHex(key.feedId)),
  backup: (key) => localKey(tags.backup, orderedNumber(key.place)),
  pour: (key) => localKey(tags.pour, fromHex(key.containerId)),
};

export function encodeKey<T extends TableName>(table: T, key: KeyOf<T>): Uint8Array {
  return encoders[table](key);
}

/** The 16-byte id (hex) that routes a row to its shard. */
export function routeOf(key: KeyOf<TableName>): string {
  if ('containerId' in key) return key.containerId;
  if ('nameId' in key) return key.nameId;
  return key.accountId;
}

export type ListedTable = 'directory' | 'current' | 'version' | 'upload' | 'tombstone';

/** Tables whose rows lie with the name of an object, which stands first in their keys' own fields. */
export const namedTables = ['current', 'version', 'tombstone', 'upload', 'part'] as const;
export type NamedTable = (typeof namedTables)[number];
const namedTags: readonly (number | undefined)[] = namedTables.map((table) => tags[table]);

/** The rows of one such table with names before `to`; undefined: all. */
export function namedRange(table: NamedTable, id: string, to: string | undefined): KeyRange {
  const gte = rowsKey(id, tags[table]);
  return { gte, lt: to === undefined ? rowsKey(id, tags[table] + 1) : rowKeyAt(gte, to) };
}

/** The name in the key of such a row. */
export function nameIn(key: Uint8Array): string {
  return fromUtf8(decodeName(key, 18).name);
}

/** The same row under another id. */
export function underId(key: Uint8Array, id: string): Uint8Array {
  const own = Uint8Array.from(key);
  own.set(fromHex(id), 1);
  return own;
}

function rowKeyAt(region: Uint8Array, text: string): Uint8Array {
  return Buffer.concat([region, name(text)]);
}

/** Whether a row's key, or the beginning of one, is that of an object's row. */
export function isNamed(key: Uint8Array): boolean {
  return key[0] === AREA_ROWS && namedTags.includes(key[17]);
}

/** The key of the container's row, of the container that another row lies in. */
export function containerKeyOf(key: Uint8Array): Uint8Array {
  const own = Uint8Array.from(key.subarray(0, 18));
  own[17] = tags.container;
  return own;
}

/** A container's own row and its sums. */
export function sumsRange(containerId: string): KeyRange {
  return {
    gte: rowsKey(containerId, tags.container),
    lt: rowsKey(containerId, tags.usage + 1),
  };
}

/** What a scan of `sumsRange` found. */
export function sumsIn(
  rows: readonly Row[],
): readonly [RowOf<'container'> | undefined, RowOf<'usage'> | undefined] {
  const [container, usage] = [tags.container, tags.usage].map((tag) =>
    rows.find(({ key }) => key[17] === tag),
  );
  return [
    container && decodeRow<'container'>(container.meta),
    usage && decodeRow<'usage'>(usage.meta),
  ];
}

/** All rows of one listing: the bytes before the escaped name. */
export function regionOf(table: ListedTable, id: string): Uint8Array {
  return rowsKey(id, tags[table]);
}

/** Where the part rows of one upload start (and, with all bits set after it, end). */
export function partsPrefix(containerId: string, key: string, uploadId: string): Uint8Array {
  return rowsKey(containerId, tags.part, name(key), fromHex(uploadId));
}

export function partBound(prefix: Uint8Array, partNumber: number): Uint8Array {
  return Buffer.concat([prefix, shortNumber(partNumber)]);
}

const dueLanes: Readonly<Record<DueLane, number>> = { check: 1, move: 2 };

function dueLane(lane: DueLane): Uint8Array {
  return localKey(tags.due, Uint8Array.of(dueLanes[lane]));
}

/** What lifecycle has to do in this lane until now, that moment included. */
export function dueRange(lane: DueLane, nowMillis: number): KeyRange {
  const start = dueLane(lane);
  return { gte: start, lt: Buffer.concat([start, orderedNumber(nowMillis + 1)]) };
}

/** The key fields of a due row, from its bytes. */
export function decodeDueKey(key: Uint8Array): Omit<DueKey, 'containerId'> {
  const view = Buffer.from(key.buffer, key.byteOffset, key.byteLength);
  const lane = key[2] === dueLanes.check ? 'check' : 'move';
  return { lane, dueAt: Number(view.readBigUInt64BE(3)), id: fromUtf8(key.subarray(11)) };
}

export interface KeyRange {
  readonly gte: Uint8Array;
  readonly lt: Uint8Array;
}

/** Range of a shard's local table. */
export function localRange(
  table: 'claim' | 'queue' | 'due' | 'accountUsage' | 'backlog' | 'backup' | 'pour',
): KeyRange {
  return {
    gte: Uint8Array.of(AREA_LOCAL, tags[table]),
    lt: Uint8Array.of(AREA_LOCAL, tags[table] + 1),
  };
}

/** The table of a local row; undefined: one of a newer release. */
export function localTableOf(key: Uint8Array): (typeof localTables)[number] | undefined {
  return localTables.find((table) => tags[table] === key[1]);
}

export function queueBound(dueAt: number): Uint8Array {
  return localKey(tags.queue, orderedNumber(dueAt));
}

/** What waits for one target. */
export function backlogRange(target: string): KeyRange {
  return startingWith(localKey(tags.backlog, name(target)));
}

/** One account's sums in a shard: its own, and those that came with shards which are no more. */
export function accountUsageRange(accountId: string): KeyRange {
  return startingWith(localKey(tags.accountUsage, fromHex(accountId)));
}

/** The waiting events of one feed. */
export function eventRange(feedId: string): KeyRange {
  return startingWith(localKey(tags.event, fromHex(feedId)));
}

function startingWith(prefix: Uint8Array): KeyRange {
  // The area's byte is not 0xFF, so there is an end.
  return { gte: prefix, lt: prefixEnd(prefix) ?? prefix };
}

/** The key fields of a backlog row, from its bytes. */
export function decodeBacklogKey(key: Uint8Array): {
  readonly target: string;
  readonly feedId: string;
} {
  const { name: target, end } = decodeName(key, 2);
  return { target: fromUtf8(target), feedId: toHex(key.subarray(end)) };
}

export function decodeEventKey(key: Uint8Array): { readonly stamp: Micros } {
  const view = Buffer.from(key.buffer, key.byteOffset, key.byteLength);
  return { stamp: micros(Number(view.readBigUInt64BE(18))) };
}

/** The number in the key of a backup row. */
export function decodeBackupKey(key: Uint8Array): number {
  const view = Buffer.from(key.buffer, key.byteOffset, key.byteLength);
  return Number(view.readBigUInt64BE(2));
}

/** Whether a row's key is that of a backup's piece. */
export function isBackupKey(key: Uint8Array): boolean {
  return key[0] === AREA_LOCAL && key[1] === tags.backup;
}

/** The key fields of a queue row, from its bytes. */
export function decodeQueueKey(key: Uint8Array): { readonly dueAt: number; readonly id: string } {
  const view = Buffer.from(key.buffer, key.byteOffset, key.byteLength);
  return { dueAt: Number(view.readBigUInt64BE(2)), id: fromUtf8(key.subarray(10)) };
}

/** The key fields of an account's sums, from their bytes. */
export function decodeAccountUsageKey(key: Uint8Array): {
  readonly accountId: string;
  readonly from: number | undefined;
} {
  const { buffer, byteOffset, byteLength } = key;
  const from = byteLength > 18 ? new DataView(buffer, byteOffset).getUint32(18) : undefined;
  return { accountId: toHex(key.subarray(2, 18)), from };
}

export function decodeClaimKey(key: Uint8Array): { readonly objectId: string } {
  return { objectId: toHex(key.subarray(2)) };
}

export function nameText(bytes: Uint8Array): string {
  return fromUtf8(bytes);
}

export { decodeName };

export function encodeRow<T extends TableName>(row: RowOf<T>): Uint8Array {
  const json = JSON.stringify(row);
  const bytes = Buffer.allocUnsafe(1 + Buffer.byteLength(json));
  bytes[0] = VALUE_FORMAT;
  bytes.write(json, 1);
  return bytes;
}

/** As `decodeRow`, once for every row that the shard keeps at hand. Nobody may change what is returned. */
export function readRow<T extends TableName>(row: Row): RowOf<T> {
  row.memo ??= decodeRow<T>(row.meta);
  // Only this function writes it, and a key belongs to one table.
  return row.memo as RowOf<T>;
}

/** Throws StoreError `corrupt` on bytes that no release of ours wrote. */
export function decodeRow<T extends TableName>(meta: Uint8Array): RowOf<T> {
  if (meta[0] !== VALUE_FORMAT) {
    throw new StoreError('corrupt', 'rows.decode', `unknown row format ${meta[0] ?? 'none'}`);
  }
  try {
    const view = Buffer.from(meta.buffer, meta.byteOffset, meta.byteLength);
    return JSON.parse(view.toString('utf8', 1)) as RowOf<T>;
  } catch (error) {
    throw new StoreError('corrupt', 'rows.decode', 'a row is not JSON', { cause: error });
  }
}

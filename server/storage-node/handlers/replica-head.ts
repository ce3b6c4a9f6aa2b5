/** What primaries and replicas tell each other, in heads and bytes of messages. */
import { StoreError } from '../../../base/errors.ts';
import { epoch, micros, sequence } from '../../../base/units.ts';
import {
  type BodyDigest,
  decodeRecord,
  type EncodedRecord,
  recordTypes,
} from '../../../storage/shard/log/record.ts';
import type {
  CopiedRow,
  EpochStart,
  ReplicaCondition,
  ReplicaStatus,
} from '../../../storage/shard/peer.ts';
import { type Head, listIn, numberIn, PieceReader, textIn } from '../wire/head.ts';

function bad(message: string): StoreError {
  return new StoreError('invalid-argument', 'wire.replica', message);
}

export function encodeHistory(history: readonly EpochStart[]): readonly (readonly number[])[] {
  return history.map((entry) => [entry.epoch, entry.start]);
}

export function decodeHistory(head: Head): readonly EpochStart[] {
  return listIn(head, 'history').map((entry) => {
    const [first, start] = Array.isArray(entry) ? (entry as readonly unknown[]) : [];
    if (typeof first !== 'number' || typeof start !== 'number') throw bad('not a history');
    return { epoch: epoch(first), start: sequence(start) };
  });
}

export function encodeStatus(status: ReplicaStatus): Head {
  const { condition, time } = status;
  return {
    ...{ condition, epoch: status.epoch, sequence: status.sequence, time },
    history: encodeHistory(status.history),
  };
}

function isCondition(text: string): text is ReplicaCondition {
  return ['absent', 'ready', 'learning', 'damaged'].includes(text);
}

export function decodeStatus(head: Head): ReplicaStatus {
  const condition = textIn(head, 'condition');
  if (!isCondition(condition)) throw bad('not the condition of a replica');
  return {
    condition,
    epoch: epoch(numberIn(head, 'epoch')),
    sequence: sequence(numberIn(head, 'sequence')),
    time: micros(numberIn(head, 'time')),
    history: decodeHistory(head),
  };
}

/** Commits as they lie one after the other. Each is verified; the records borrow the bytes. */
export function decodeCommits(bytes: Uint8Array): readonly EncodedRecord[] {
  const commits: EncodedRecord[] = [];
  let at = 0;
  while (at < bytes.length) {
    const { record, length } = decodeRecord(bytes, at);
    if (record.type !== recordTypes.commit) throw bad('not a commit');
    const own = bytes.subarray(at, at + length);
    if (own.length !== length) throw bad('a commit is cut off');
    const view = Buffer.from(own.buffer, own.byteOffset, own.byteLength);
    commits.push({ ...record, pieces: [own], length, bodyBytes: view.readUInt32LE(36) });
    at += length;
  }
  return commits;
}

function encodeDigest({ length, hash }: BodyDigest): readonly [number, string] {
  return [length, hash.toString(16)];
}

export function decodeDigest(length: unknown, hash: unknown): BodyDigest {
  const isHash = typeof hash === 'string' && /^[0-9a-f]{1,16}$/.test(hash);
  if (typeof length !== 'number' || !isHash) throw bad('not the digest of a body');
  return { length, hash: BigInt(`0x${hash}`) };
}

const noBody = -1;

/** A row is `[key length, meta length, sequence, body length or -1, lost?]`. */
export function encodeCopiedRows(rows: readonly CopiedRow[]): {
  readonly head: readonly unknown[];
  readonly bytes: readonly Uint8Array[];
} {
  const bytes: Uint8Array[] = [];
  const head = rows.map(({ key, meta, sequence: at, body, lost }) => {
    bytes.push(key, meta);
    if (body !== undefined) bytes.push(body);
    const line = [key.length, meta.length, at, body?.length ?? noBody];
    return lost === undefined ? line : [...line, encodeDigest(lost)];
  });
  return { head, bytes };
}

export function decodeCopiedRows(head: Head, bytes: Uint8Array): readonly CopiedRow[] {
  const pieces = new PieceReader(bytes);
  const rows = listIn(head, 'rows').map((line): CopiedRow => {
    const [keyLength, metaLength, at, bodyLength, lost] = Array.isArray(line)
      ? (line as readonly unknown[])
      : [];
    const areNumbers = [keyLength, metaLength, at, bodyLength].every(Number.isSafeInteger);
    if (!areNumbers) throw bad('not a row');
    const key = pieces.next(Number(keyLength));
    const meta = pieces.next(Number(metaLength));
    const body = bodyLength === noBody ? undefined : pieces.next(Number(bodyLength));
    const [length, hash] = Array.isArray(lost) ? (lost as readonly unknown[]) : [];
    const digest = lost === undefined ? undefined : decodeDigest(length, hash);
    return { key, meta, sequence: sequence(Number(at)), body, lost: digest };
  });
  pieces.end();
  return rows;
}

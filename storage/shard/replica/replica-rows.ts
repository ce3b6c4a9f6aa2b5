/** What records do to the rows of one replica in its device's index. Used live and in replay: everything here may be done twice. */
import { emptyBytes } from '../../../base/bytes.ts';
import { type Sequence, type ShardId, sequence } from '../../../base/units.ts';
import type { Applier } from './applier.ts';
import { type Entry, type LogRecord, asBuffer, entryOps } from '../log/record.ts';
import { aliasKey, tombstoneKey, tombstonePrefix } from './replica-state.ts';
import {
  type BodyPlace,
  digestOf,
  indexKey,
  missingBody,
  placeOf,
  prefixRange,
  sequenceOf,
  shardPrefix,
  withPlace,
} from '../row.ts';

/** How many keys of missing bodies are remembered; beyond them the auditor finds the rest. */
const missingMax = 100_000;

function tombstone(at: Sequence): Uint8Array {
  const value = Buffer.alloc(8);
  value.writeBigUInt64LE(BigInt(at));
  return value;
}

export class ReplicaRows {
  readonly shard: ShardId;
  readonly prefix: Uint8Array;
  readonly #applier: Applier;
  /** Keys of rows whose inline body is not on this device, in latin1. */
  readonly missing: Set<string> = new Set();
  /**
   * During a replay: where the bodies lie of rows that it has written over or deleted. The index is
   * ahead of the log there, and a row's source may be gone because its commit took effect before.
   */
  #displaced: Map<string, BodyPlace> | undefined;

  constructor(shard: ShardId, applier: Applier) {
    this.shard = shard;
    this.prefix = shardPrefix(shard);
    this.#applier = applier;
  }

  beginReplay(): void {
    this.#displaced ??= new Map();
  }

  endReplay(): void {
    this.#displaced = undefined;
  }

  /** `at`: where the record lies. */
  applyCommit(record: LogRecord, at: BodyPlace, learning: boolean): void {
    const places = this.#borrowedPlaces(record);
    for (const entry of record.entries) {
      const key = indexKey(this.prefix, entry.key);
      if (this.missing.size > 0) this.missing.delete(asBuffer(entry.key).toString('latin1'));
      if (this.#displaced !== undefined) this.#noteDisplaced(key, this.#displaced);
      if (entry.op === entryOps.delete) {
        this.#applier.delete(key);
        if (learning) {
          this.#applier.put(tombstoneKey(this.shard, entry.key), tombstone(record.sequence));
        }
      } else if (entry.op === entryOps.put) {
        this.#applier.put(key, ownValue(entry, at));
      } else if (entry.op === entryOps.putBodyOf) {
        this.#putBodyOf(key, entry, places?.get(entry));
      }
    }
  }

  /** Where the bodies lie that entries take over, before the commit changes anything. */
  #borrowedPlaces(record: LogRecord): Map<Entry, BodyPlace> | undefined {
    let places: Map<Entry, BodyPlace> | undefined;
    for (const entry of record.entries) {
      if (entry.op !== entryOps.putBodyOf || entry.from === undefined) continue;
      const wanted = digestOf(entry.value);
      const value = this.#applier.lookup(indexKey(this.prefix, entry.from));
      const found = value === undefined ? undefined : digestOf(value);
      const same = wanted?.hash === found?.hash && wanted?.length === found?.length;
      if (wanted === undefined || value === undefined || !same) continue;
      places ??= new Map();
      places.set(entry, placeOf(value));
    }
    return places;
  }

  #putBodyOf(key: Uint8Array, entry: Entry, found: BodyPlace | undefined): void {
    if (digestOf(entry.value) === undefined) {
      this.#applier.put(key, entry.value);
      return;
    }
    const known = found?.segment === missingBody.segment ? undefined : found;
    const place = known ?? this.#displaced?.get(digestText(entry.value));
    if (place === undefined) {
      this.#noteMissing(entry.key);
      this.#applier.put(key, withPlace(entry.value, missingBody));
      return;
    }
    this.#applier.put(key, withPlace(entry.value, place));
    const own = entry.from !== undefined && asBuffer(entry.from).equals(entry.key);
    if (!own) this.#applier.put(aliasKey(place, this.shard, entry.key), emptyBytes);
  }

  #noteDisplaced(key: Uint8Array, displaced: Map<string, BodyPlace>): void {
    const existing = this.#applier.lookup(key);
    if (existing === undefined || digestOf(existing) === undefined) return;
    const place = placeOf(existing);
    if (place.segment !== missingBody.segment) displaced.set(digestText(existing), place);
  }

  #noteMissing(key: Uint8Array): void {
    if (this.missing.size < missingMax) this.missing.add(asBuffer(key).toString('latin1'));
  }

  /** Rows copied from the primary: only where the learner knows nothing newer. */
  applyCopied(record: LogRecord, at: BodyPlace): void {
    for (const entry of record.entries) {
      const key = indexKey(this.prefix, entry.key);
      const written = sequenceOf(entry.value);
      const existing = this.#applier.lookup(key);
      if (existing !== undefined && sequenceOf(existing) > written) continue;
      const deleted = this.#applier.lookup(tombstoneKey(this.shard, entry.key));
      if (
        deleted !== undefined &&
        sequence(Number(asBuffer(deleted).readBigUInt64LE(0))) > written
      ) {
        continue;
      }
      this.#applier.put(key, ownValue(entry, at));
      this.missing.delete(asBuffer(entry.key).toString('latin1'));
    }
  }

  /** Bodies written anew: rows that still have them now point there. */
  applyRelocated(record: LogRecord, at: BodyPlace): void {
    for (const entry of record.entries) {
      const key = indexKey(this.prefix, entry.key);
      const existing = this.#applier.lookup(key);
      if (existing === undefined || sequenceOf(existing) !== sequenceOf(entry.value)) continue;
      if (digestOf(existing)?.hash !== digestOf(entry.value)?.hash) continue;
      if (entry.bodyOffset === undefined) continue;
      const place = { segment: at.segment, offset: at.offset + entry.bodyOffset };
      this.#applier.put(key, withPlace(existing, place));
      this.missing.delete(asBuffer(entry.key).toString('latin1'));
    }
  }

  /** All rows go. */
  async clear(): Promise<void> {
    await this.#applier.deleteRange(prefixRange(this.prefix));
    await this.clearTombstones();
    this.missing.clear();
  }

  async clearTombstones(): Promise<void> {
    await this.#applier.deleteRange(prefixRange(tombstonePrefix(this.shard)));
  }
}

function ownValue(entry: Entry, at: BodyPlace): Uint8Array {
  if (entry.bodyOffset === undefined) return entry.value;
  return withPlace(entry.value, { segment: at.segment, offset: at.offset + entry.bodyOffset });
}

function digestText(value: Uint8Array): string {
  const digest = digestOf(value);
  return `${digest?.hash} ${digest?.length}`;
}

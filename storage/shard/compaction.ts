/**
 * Takes back the space of log segments whose inline bodies are mostly dead: writes the live ones
 * anew at the log's end, then deletes the segment.
 *
 * What is alive is asked of the index, a segment at a time, as WiscKey does it: counting it at every
 * commit would cost one index read for each row written on each replica. Looking costs a read of the
 * segment, so a device looks at two old segments for each new one that it begins.
 */
import { isStoreError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { ShardId } from '../../base/units.ts';
import type { Worker } from '../work/worker.ts';
import type { ShardDevice } from './device.ts';
import type { DecodedBatch } from './log/batch.ts';
import { visitSegment } from './log/scan.ts';
import type { LocalReplica } from './replica/replica.ts';
import { aliasPrefix, decodeAliasKey } from './replica/replica-state.ts';
import { digestOf, prefixRange, type StoredRow } from './row.ts';

export interface LogCompactionSettings {
  /** A segment whose live bodies are less than this share of its inline bodies is rewritten. */
  readonly liveShareMax: number;
}

export const defaultLogCompactionSettings: LogCompactionSettings = { liveShareMax: 0.6 };

export interface LogCompactionJob {
  readonly device: ShardDevice;
  readonly segment: number;
}

const looksPerNewSegment = 2;
/** Bodies written anew in one record. */
const relocatedBytesMax = 256 * 1024;

interface Survey {
  bodyBytes: number;
  liveBytes: number;
  readonly live: LiveRow[];
  /** Records that cannot be read may hold live bodies: those are healed when read, or by the auditor. */
  unreadable: boolean;
}

interface LiveRow {
  readonly replica: LocalReplica;
  readonly key: Uint8Array;
}

/** What is known of one device between two looks. */
interface Progress {
  newest: number;
  looks: number;
  /** The segment looked at last; the next one is the first after it. */
  last: number;
}

export class LogCompaction implements Worker<LogCompactionJob> {
  readonly name = 'log-compaction';
  readonly #devices: () => readonly ShardDevice[];
  readonly #logger: Logger;
  readonly #settings: LogCompactionSettings;
  readonly #progress = new WeakMap<ShardDevice, Progress>();

  constructor(options: {
    readonly devices: () => readonly ShardDevice[];
    readonly logger: Logger;
    readonly settings?: Partial<LogCompactionSettings>;
  }) {
    this.#devices = options.devices;
    this.#logger = options.logger;
    this.#settings = { ...defaultLogCompactionSettings, ...options.settings };
  }

  async next(): Promise<LogCompactionJob | undefined> {
    for (const device of this.#devices()) {
      const segment = device.failure === undefined ? this.#choose(device) : undefined;
      if (segment !== undefined) return { device, segment };
    }
    return undefined;
  }

  #choose(device: ShardDevice): number | undefined {
    const newest = device.log.end.segment;
    let progress = this.#progress.get(device);
    if (progress === undefined) {
      progress = { newest, looks: 0, last: -1 };
      this.#progress.set(device, progress);
    }
    if (newest > progress.newest) {
      progress.looks += looksPerNewSegment * (newest - progress.newest);
      progress.newest = newest;
    }
    const sealed = [...device.segments.keys()]
      .filter((segment) => segment < device.checkpointed.segment)
      .toSorted((a, b) => a - b);
    // Never more looks saved up than there are segments.
    progress.looks = Math.min(progress.looks, sealed.length);
    if (progress.looks === 0) return undefined;
    const after = progress.last;
    const chosen = sealed.find((segment) => segment > after) ?? sealed[0];
    if (chosen === undefined) return undefined;
    progress.looks--;
    progress.last = chosen;
    return chosen;
  }

  async run({ device, segment }: LogCompactionJob): Promise<void> {
    const survey = await this.#survey(device, segment);
    const share = survey.bodyBytes === 0 ? 0 : survey.liveBytes / survey.bodyBytes;
    if (survey.unreadable || share > this.#settings.liveShareMax) return;
    if (!(await relocate(survey.live, segment))) return;
    // The new places must be durable before the old ones go.
    await device.checkpoint();
    const missed = await aliasesIn(device, segment);
    if (missed.length > 0 || survey.live.some((row) => liesIn(row, segment))) return;
    await device.removeSegment(segment);
    const { liveBytes, bodyBytes } = survey;
    this.#logger.info(
      { event: 'shard.segment-compacted', device: device.id, segment, liveBytes, bodyBytes },
      'A log segment was rewritten and deleted.',
    );
  }

  async #survey(device: ShardDevice, segment: number): Promise<Survey> {
    const survey: Survey = { bodyBytes: 0, liveBytes: 0, live: [], unreadable: false };
    await visitSegment(device.disk, segment, {
      hole: () => {
        survey.unreadable = true;
      },
      batch: (batch) => {
        surveyBatch(device, segment, batch, survey);
        return 'go on';
      },
    });
    for (const row of await aliasesIn(device, segment)) {
      survey.live.push(row);
      survey.liveBytes += row.replica.get(row.key)?.bodyLength ?? 0;
    }
    return survey;
  }
}

function liesIn({ replica, key }: LiveRow, segment: number): boolean {
  return newestOf(replica, key)?.body?.segment === segment;
}

function replicaOf(device: ShardDevice, shard: ShardId): LocalReplica | undefined {
  const replica = device.replicas.get(shard);
  const condition = replica?.state.condition;
  return condition === 'ready' || condition === 'learning' ? replica : undefined;
}

function surveyBatch(
  device: ShardDevice,
  segment: number,
  batch: DecodedBatch,
  survey: Survey,
): void {
  for (const { record, offset } of batch.records) {
    const replica = replicaOf(device, record.shard);
    // Somebody may yet have to save what can be saved of it.
    if (device.replicas.get(record.shard)?.state.condition === 'damaged') survey.unreadable = true;
    for (const entry of record.entries) {
      if (entry.bodyOffset === undefined) continue;
      const body = bodyAt(replica, entry.key, { segment, offset: offset + entry.bodyOffset });
      survey.bodyBytes += digestOf(entry.value)?.length ?? 0;
      if (body === undefined || replica === undefined) continue;
      survey.liveBytes += body;
      survey.live.push({ replica, key: new Uint8Array(entry.key) });
    }
  }
}

/** The length of the row's body if it lies at this place. */
function bodyAt(
  replica: LocalReplica | undefined,
  key: Uint8Array,
  place: { readonly segment: number; readonly offset: number },
): number | undefined {
  const row = newestOf(replica, key);
  const here = row?.body?.segment === place.segment && row.body.offset === place.offset;
  return here ? row.bodyLength : undefined;
}

function newestOf(replica: LocalReplica | undefined, key: Uint8Array): StoredRow | undefined {
  try {
    return replica?.get(key);
  } catch (error) {
    // A damaged row is found when it is read; its replica is then rebuilt.
    if (isStoreError(error, 'corrupt')) return undefined;
    throw error;
  }
}

/** Rows that took over a body in the segment from another row, and still have it. */
async function aliasesIn(device: ShardDevice, segment: number): Promise<LiveRow[]> {
  const live: LiveRow[] = [];
  await device.applier.flush();
  for (const found of await device.index.keys(prefixRange(aliasPrefix(segment))).all()) {
    const { shard, offset, key } = decodeAliasKey(found);
    const replica = replicaOf(device, shard);
    if (replica === undefined || bodyAt(replica, key, { segment, offset }) === undefined) continue;
    live.push({ replica, key });
  }
  return live;
}

/** Writes the bodies anew; false when one cannot be read here: then the segment stays, and the reader heals it. */
async function relocate(live: readonly LiveRow[], segment: number): Promise<boolean> {
  const batches = new Map<LocalReplica, { row: StoredRow; body: Uint8Array }[]>();
  let bytes = 0;
  const write = async (): Promise<void> => {
    for (const [replica, rows] of batches) await replica.relocate(rows);
    batches.clear();
    bytes = 0;
  };
  for (const { replica, key } of live) {
    const row = newestOf(replica, key);
    if (row?.body?.segment !== segment) continue;
    const body = await replica.bodyOf(row);
    if (body === undefined) return false;
    const batch = batches.get(replica) ?? [];
    batch.push({ row, body });
    batches.set(replica, batch);
    bytes += body.length;
    if (bytes >= relocatedBytesMax) await write();
  }
  await write();
  return true;
}

/**
 * Reads every live inline body of every replica on this machine, verifying it, and has bad ones
 * written anew from another replica. Without it rot in an old log segment would wait for a reader.
 */
import type { Clock } from '../../base/clock.ts';
import { concatBytes } from '../../base/bytes.ts';
import { isStoreError, StoreError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { ShardId } from '../../base/units.ts';
import type { Worker } from '../work/worker.ts';
import type { ShardDevice } from './device.ts';
import type { ShardGroup } from './group.ts';
import { keyAfter } from './row-key.ts';
import { decodeRow, prefixRange, type StoredRow } from './row.ts';

/** Rows a job looks at: with bodies of 16 KiB each some 2 MiB. */
const pageRows = 128;

export interface BodyScrubJob {
  readonly device: ShardDevice;
  readonly shard: ShardId;
  /** From this index key on. */
  readonly from: Uint8Array;
}

export interface BodyScrubOptions {
  readonly group: ShardGroup;
  readonly clock: Clock;
  readonly logger: Logger;
  /** From the end of one round (and from the start of the process) to the next. */
  readonly roundMillis: number;
}

export class BodyScrub implements Worker<BodyScrubJob> {
  readonly name = 'body-scrub';
  readonly #options: BodyScrubOptions;
  #nextRoundAt: number;
  /** Replicas still to be read in this round. */
  #pending: { readonly device: ShardDevice; readonly shard: ShardId }[] = [];
  #from: Uint8Array | undefined;
  #checked = 0;
  #healed = 0;
  #rounds = 0;

  constructor(options: BodyScrubOptions) {
    this.#options = options;
    this.#nextRoundAt = options.clock.monotonic() + options.roundMillis;
  }

  /** Whole rounds, bodies read, and bodies written anew, since the start. */
  get counts(): { readonly rounds: number; readonly checked: number; readonly healed: number } {
    return { rounds: this.#rounds, checked: this.#checked, healed: this.#healed };
  }

  /** Begins the next round now. */
  request(): void {
    this.#nextRoundAt = this.#options.clock.monotonic();
  }

  async next(): Promise<BodyScrubJob | undefined> {
    const { group, clock, roundMillis } = this.#options;
    if (this.#pending.length === 0) {
      if (clock.monotonic() < this.#nextRoundAt) return undefined;
      this.#nextRoundAt = clock.monotonic() + roundMillis;
      this.#pending = group
        .devices()
        .flatMap((device) => [...device.replicas.keys()].map((shard) => ({ device, shard })));
    }
    let [first] = this.#pending;
    // Its device has left meanwhile, or was replaced.
    while (first !== undefined && group.device(first.device.id) !== first.device) {
      this.#pending.shift();
      this.#from = undefined;
      [first] = this.#pending;
    }
    if (first === undefined) return undefined;
    const { device, shard } = first;
    const from = this.#from ?? device.replica(shard).rows.prefix;
    return { device, shard, from };
  }

  async run({ device, shard, from }: BodyScrubJob): Promise<void> {
    // A replica's newest rows reach its index lazily.
    await device.applier.flush();
    const { prefix } = device.replica(shard).rows;
    const { lt } = prefixRange(prefix);
    const range = { gte: from, lt, limit: pageRows };
    const entries = await readEntries(device, range);
    const last = entries.at(-1)?.[0];
    if (entries.length < pageRows || last === undefined) {
      this.#pending.shift();
      this.#from = undefined;
    } else {
      this.#from = keyAfter(concatBytes([last]));
    }
    for (const [key, value] of entries) {
      const row = readRow(key.subarray(prefix.length), value);
      if (row === undefined) device.replica(shard).markDamaged();
      else if (row.body !== undefined) await this.#check(device, shard, row);
    }
    if (this.#pending.length === 0) this.#rounds++;
  }

  async #check(device: ShardDevice, shard: ShardId, row: StoredRow): Promise<void> {
    const replica = device.replica(shard);
    if (replica.state.condition !== 'ready') return;
    this.#checked++;
    if ((await replica.bodyOf(row)) !== undefined) return;
    const now = replica.get(row.key);
    // Replaced, deleted or moved since the page was read.
    if (now?.sequence !== row.sequence || (await replica.bodyOf(now)) !== undefined) return;
    const { group } = this.#options;
    const served = group.all().find((one) => one.id === shard);
    // The primary's own copy is healed by this very read.
    const good = await served?.getWithBody(row.key);
    if (good?.body === undefined || good.row.bodyLength !== row.bodyLength) return;
    if (group.find(shard)?.primary?.local !== replica)
      await replica.relocate([{ row: now, body: good.body }]);
    this.#healed++;
    this.#options.logger.info(
      { event: 'shard.body-scrubbed', shard, device: device.id },
      'A damaged inline body was found by the scrub and written anew.',
    );
  }
}

/** A device may be closed at any moment: what its index says then is for the next round. */
async function readEntries(
  { index }: ShardDevice,
  range: { readonly gte: Uint8Array; readonly lt: Uint8Array; readonly limit: number },
): Promise<readonly [Uint8Array, Uint8Array][]> {
  try {
    const views = { keyEncoding: 'view', valueEncoding: 'view' } as const;
    return await index.iterator<Uint8Array, Uint8Array>({ ...range, ...views }).all();
  } catch (cause) {
    throw new StoreError('unavailable', 'shard.scrub', 'the index cannot be read', { cause });
  }
}

/** Undefined when the index row itself is damaged. */
function readRow(key: Uint8Array, value: Uint8Array): StoredRow | undefined {
  try {
    return decodeRow(key, value);
  } catch (error) {
    if (isStoreError(error, 'corrupt')) return undefined;
    throw error;
  }
}

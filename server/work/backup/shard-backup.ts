/**
 * The backup of one shard, as its primary's process writes it: a chain of pieces, each an ordinary
 * body. The first ones hold a copy of all rows, the others the commits since; together they make a
 * replica again. After a break (a restart, a new primary, a lag) the chain goes on where it ended, as
 * far as the log reaches back; else a new one is begun.
 */
import type { Clock } from '../../../base/clock.ts';
import { toHex } from '../../../base/bytes.ts';
import { StoreError, toStoreError } from '../../../base/errors.ts';
import type { Logger } from '../../../base/log.ts';
import type { Random } from '../../../base/random.ts';
import { epoch, KiB, MiB, type Sequence, sequence } from '../../../base/units.ts';
import { BackupPeer } from '../../../storage/shard/backup/backup-peer.ts';
import type { ReplicaStatus } from '../../../storage/shard/peer.ts';
import { ReplicaCopy } from '../../../storage/shard/primary/copy.ts';
import type { ShardPrimary } from '../../../storage/shard/primary/primary.ts';
import { keyAfter } from '../../../storage/shard/row-key.ts';
import type { Shard } from '../../../storage/shard/shard.ts';
import { backupKey, type BackupRow, type BackupStatus } from '../../core/backup/backup-row.ts';
import type { StoredBody } from '../../core/model.ts';
import type { BodyStore } from '../../core/ports.ts';
import {
  decodeBackupKey,
  decodeRow,
  isBackupKey,
  type KeyRange,
  localRange,
} from '../../proxy/row-codec.ts';
import { executeAt } from '../queue.ts';
import { encodePiece } from './piece.ts';

/** A piece is stored at the latest when it has so much: one stripe of most policies. */
const pieceBytes: number = MiB;
/** What may wait while a piece is being stored. Shards that are written to this fast are few. */
const waitingBytesMax: number = 16 * MiB;
/** Of rows looked at in one step. */
const pageRows = 64;
/** A chain is begun anew when its commits outweigh its rows, or this, and at the latest after so many pieces. */
const tailBytesMin: number = 4 * MiB;
const piecesMax = 4096;
/** What a piece takes on devices, however small it is: a page of header and a page of unit for each fragment. */
const pieceCostBytes: number = 32 * KiB;

export interface BackupTools {
  readonly bodies: BodyStore;
  /** Of the policy that tolerates most. */
  readonly policy: () => string;
  readonly clusterId: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Enough waits for a piece. */
  readonly onDue: () => void;
}

/** What the shard's rows say of its backup. */
interface Known {
  readonly nextPlace: number;
  readonly head: BackupRow | undefined;
  /** Of the head's chain. */
  readonly wholeBytes: number;
  readonly tailBytes: number;
}

export class ShardBackup {
  readonly primary: ShardPrimary;
  readonly #tools: BackupTools;
  readonly #shard: Shard;
  readonly #peer: BackupPeer;
  readonly #copy: ReplicaCopy;
  #chain: string;
  #number: number;
  #previous: string | undefined;
  #place: number;
  #wholeBytes: number;
  #tailBytes: number;
  #isBegun = false;
  #isLevel = false;
  /** The chain, as stored, has all rows. */
  #isWhole: boolean;
  #hasFormer = true;
  #storedAt: number;
  /** Of the last commit that the chain, as stored, has; 0: it has not all rows. */
  #last: number;
  #isHurried = false;
  #broken: StoreError | undefined;

  private constructor(
    tools: BackupTools,
    of: { readonly shard: Shard; readonly primary: ShardPrimary },
    known: Known,
  ) {
    const { shard, primary } = of;
    const { head } = known;
    this.#tools = tools;
    this.#shard = shard;
    this.primary = primary;
    this.#peer = new BackupPeer({
      shard: shard.id,
      status: head?.isWhole === true ? statusOf(head.status) : undefined,
      bytesMax: waitingBytesMax,
      dueBytes: pieceBytes,
      onDue: tools.onDue,
      isOwn: ({ entries }) => entries.some(({ key }) => isBackupKey(key)),
    });
    const { index } = primary.local;
    const { logger } = tools;
    this.#copy = new ReplicaCopy({ primary, peer: this.#peer, index, logger, joins: false });
    this.#chain = head?.chain ?? '';
    this.#number = (head?.number ?? -1) + 1;
    this.#previous = head?.stored.objectId;
    this.#place = known.nextPlace;
    this.#wholeBytes = known.wholeBytes;
    this.#tailBytes = known.tailBytes;
    this.#isWhole = head?.isWhole === true;
    this.#last = head?.isWhole === true ? head.status.sequence : 0;
    this.#storedAt = tools.clock.monotonic();
  }

  /** `anew`: whatever is stored, all rows are copied. */
  static async open(
    tools: BackupTools,
    of: { readonly shard: Shard; readonly primary: ShardPrimary },
    anew: boolean,
  ): Promise<ShardBackup> {
    const { head, ...known } = await readKnown(of.shard);
    return new ShardBackup(tools, of, { ...known, head: anew ? undefined : head });
  }

  /** Why nothing is added any more: another one is to be opened. */
  get failed(): StoreError | undefined {
    return this.#broken ?? this.#copy.failed;
  }

  get isLevel(): boolean {
    return this.#isLevel;
  }

  /** Commits wait to be stored. */
  get hasNews(): boolean {
    return this.#peer.hasNews;
  }

  /** The chain has become so long that a copy of all rows is cheaper. */
  get isOutgrown(): boolean {
    if (!this.#isLevel) return false;
    return this.#tailBytes > Math.max(tailBytesMin, this.#wholeBytes) || this.#number >= piecesMax;
  }

  /** Whether chains before this one are to be released. */
  get hasFormer(): boolean {
    return this.#hasFormer && this.#isWhole;
  }

  /** Whether a replica that was made of what is stored would follow all commits, and have those up to this one. */
  has(last: Sequence): boolean {
    return this.#last >= last;
  }

  /** What waits is stored next. */
  hurry(): void {
    this.#isHurried = true;
  }

  /** Whether a piece is due: enough waits, or something has waited for long enough. */
  isDue(intervalMillis: number): boolean {
    if (this.#peer.bytes >= pieceBytes) return true;
    if (this.#isHurried && this.#isLevel && this.#peer.bytes > 0) return true;
    if (!this.#isLevel || !this.hasNews) return false;
    return this.#tools.clock.monotonic() - this.#storedAt >= intervalMillis;
  }

  /** The primary sends nothing any more. */
  abandon(): void {
    this.#copy.abandon();
  }

  /** One step towards a chain that follows the shard. What fails breaks it. */
  async advance(): Promise<void> {
    await this.#guarded(async () => {
      const isLevel = await this.#copy.step();
      if (!this.#isBegun) {
        this.#isBegun = true;
        const { condition } = await this.#peer.status();
        // The log does not reach back to where the chain ended.
        if (condition === 'learning') this.#beginChain();
      }
      if (isLevel) this.#isLevel = true;
      if (this.#peer.bytes >= pieceBytes || (isLevel && !this.#isWhole)) await this.#store();
    });
  }

  #beginChain(): void {
    this.#chain = toHex(this.#tools.random.bytes(8));
    this.#number = 0;
    this.#previous = undefined;
    this.#wholeBytes = 0;
    this.#tailBytes = 0;
    this.#isWhole = false;
  }

  /** Stores what waits. What fails breaks the backup: its bytes are lost, the log has them. */
  async store(): Promise<void> {
    await this.#guarded(() => this.#store());
  }

  async #guarded(task: () => Promise<void>): Promise<void> {
    try {
      await task();
    } catch (error) {
      this.#broken ??= toStoreError(error, 'backup.store');
      this.abandon();
      throw this.#broken;
    }
  }

  async #store(): Promise<void> {
    const { clock, clusterId } = this.#tools;
    const piece = this.#peer.take();
    this.#storedAt = clock.monotonic();
    this.#isHurried = false;
    const chunks = encodePiece(
      {
        ...{ clusterId, shard: this.#shard.id, chain: this.#chain, number: this.#number },
        ...(this.#previous === undefined ? {} : { previous: this.#previous }),
        createdAt: clock.now(),
      },
      piece,
    );
    const stored = await this.#write(chunks);
    const { condition, epoch: last, sequence: at, time, history } = piece.status;
    const isWhole = condition === 'ready';
    const row: BackupRow = {
      ...{ chain: this.#chain, number: this.#number, isWhole, stored },
      status: { epoch: last, sequence: at, time, history },
    };
    const containerId = this.primary.state.start;
    const place = this.#place;
    await executeAt(this.#shard, { type: 'backup.note', containerId, place, row });
    this.#place++;
    this.#number++;
    this.#previous = stored.objectId;
    if (this.#isWhole) this.#tailBytes += stored.size + pieceCostBytes;
    else this.#wholeBytes += stored.size + pieceCostBytes;
    this.#isWhole = isWhole;
    this.#last = isWhole ? at : 0;
  }

  #write(chunks: readonly Uint8Array[]): Promise<StoredBody> {
    const target = {
      ...{ account: '', container: '', key: backupKey },
      ...{ containerId: this.primary.state.start, policy: this.#tools.policy() },
    };
    async function* body(): AsyncGenerator<Uint8Array> {
      yield* chunks;
    }
    return this.#tools.bodies.write(target, body());
  }

  /** Gives up some pieces of the chains before this one. */
  async releaseFormer(): Promise<void> {
    const former: { readonly place: number; readonly row: BackupRow }[] = [];
    for await (const one of rowsOf(this.#shard)) {
      if (one.row.chain === this.#chain || former.length === pageRows) break;
      former.push(one);
    }
    this.#hasFormer = former.length > 0;
    if (former.length === 0) return;
    const containerId = this.primary.state.start;
    const places = former.map(({ place }) => place);
    await executeAt(this.#shard, { type: 'backup.release', containerId, places });
    for (const { row } of former) this.#tools.bodies.discard(row.stored);
  }
}

function statusOf({ epoch: last, sequence: at, time, history }: BackupStatus): ReplicaStatus {
  return {
    ...{ condition: 'ready', epoch: epoch(last), sequence: sequence(at), time },
    history: history.map((one) => ({ epoch: epoch(one.epoch), start: sequence(one.start) })),
  };
}

async function* rowsOf(
  shard: Shard,
): AsyncGenerator<{ readonly place: number; readonly row: BackupRow }> {
  let range: KeyRange | undefined = localRange('backup');
  while (range !== undefined) {
    const rows = await shard.scan({ ...range, limit: pageRows });
    for (const { key, meta } of rows) {
      yield { place: decodeBackupKey(key), row: decodeRow<'backup'>(meta) };
    }
    const last = rows.length < pageRows ? undefined : rows.at(-1);
    range = last && { ...range, gte: keyAfter(last.key) };
  }
}

async function readKnown(shard: Shard): Promise<Known> {
  let known: Known = { nextPlace: 0, head: undefined, wholeBytes: 0, tailBytes: 0 };
  for await (const { place, row } of rowsOf(shard)) {
    const isSame = known.head?.chain === row.chain;
    const { wholeBytes, tailBytes } = isSame ? known : { wholeBytes: 0, tailBytes: 0 };
    const bytes = row.stored.size + pieceCostBytes;
    const isTail = isSame && known.head?.isWhole === true;
    known = {
      ...{ nextPlace: place + 1, head: row },
      wholeBytes: isTail ? wholeBytes : wholeBytes + bytes,
      tailBytes: isTail ? tailBytes + bytes : tailBytes,
    };
  }
  return known;
}

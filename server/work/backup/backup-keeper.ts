/** Keeps the backups of the shards whose primaries are here (decision 0044). */
import type { Sequence, ShardId } from '../../../base/units.ts';
import { tolerance } from '../../../ring/policy.ts';
import type { ShardGroup } from '../../../storage/shard/group.ts';
import type { ShardPrimary } from '../../../storage/shard/primary/primary.ts';
import type { ServedShard } from '../../../storage/shard/primary/served-shard.ts';
import type { Backups } from '../../../storage/shard/backup/backed-up.ts';
import type { Worker } from '../../../storage/work/worker.ts';
import type { Policy } from '../../proxy/placement.ts';
import { type BackupTools, ShardBackup } from './shard-backup.ts';

/** Rows are copied for so many steps before another shard has its turn. */
const stepsPerTurn = 8;

export interface BackupKeeperOptions extends Omit<BackupTools, 'policy' | 'clusterId' | 'onDue'> {
  readonly group: ShardGroup;
  readonly clusterId: () => string;
  readonly policies: () => readonly Policy[];
  readonly defaultPolicy: () => string;
  /** How old a commit may become before it is stored. */
  readonly intervalMillis: number;
}

export interface BackupCounts {
  readonly shards: number;
  readonly followed: number;
  readonly waiting: number;
}

type BackupJob =
  | { readonly type: 'open'; readonly shard: ServedShard; readonly primary: ShardPrimary }
  | {
      readonly type: 'advance' | 'store' | 'release' | 'renew';
      readonly shard: ServedShard;
      readonly backup: ShardBackup;
    };

export class BackupKeeper implements Worker<BackupJob>, Backups {
  readonly name = 'backup-keeper';
  readonly #options: BackupKeeperOptions;
  readonly #backups = new Map<ShardId, ShardBackup>();
  /** When the backup of a primary was opened last, in monotonic milliseconds. */
  readonly #opened = new Map<ShardId, { readonly primary: ShardPrimary; readonly at: number }>();
  readonly #begunAt: number;
  #turn = 0;
  #wake = (): void => undefined;

  constructor(options: BackupKeeperOptions) {
    this.#options = options;
    this.#begunAt = options.clock.monotonic();
  }

  /** Who is to be told that there is work before the worker would look for it. */
  onWork(wake: () => void): void {
    this.#wake = wake;
  }

  /** Shards served here; those whose backup follows their commits; those of them with commits that are not stored yet. */
  get counts(): BackupCounts {
    const shards = this.#options.group.own().length;
    const following = [...this.#backups.values()].filter(
      (backup) => backup.isLevel && backup.failed === undefined,
    );
    const waiting = following.filter((backup) => backup.hasNews).length;
    return { shards, followed: following.length, waiting };
  }

  follows(primary: ShardPrimary): boolean {
    return this.#following(primary) !== undefined;
  }

  has(primary: ShardPrimary, last: Sequence): boolean {
    const backup = this.#following(primary);
    if (backup === undefined) return false;
    if (backup.has(last)) return true;
    backup.hurry();
    this.#wake();
    return false;
  }

  #following(primary: ShardPrimary): ShardBackup | undefined {
    const backup = this.#backups.get(primary.state.id);
    const follows = backup?.primary === primary && backup.failed === undefined && backup.isLevel;
    return follows ? backup : undefined;
  }

  async next(): Promise<BackupJob | undefined> {
    const shards = this.#options.group.served();
    this.#forget();
    for (let i = 0; i < shards.length; i++) {
      const shard = shards[(this.#turn + i) % shards.length];
      const job = shard === undefined ? undefined : this.#jobOf(shard);
      if (job === undefined) continue;
      this.#turn = (this.#turn + i + 1) % shards.length;
      return job;
    }
    return undefined;
  }

  /** Shards that were merged into others are no more. */
  #forget(): void {
    for (const id of this.#opened.keys()) {
      if (this.#options.group.find(id) !== undefined) continue;
      this.#opened.delete(id);
      this.#backups.get(id)?.abandon();
      this.#backups.delete(id);
    }
  }

  #jobOf(shard: ServedShard): BackupJob | undefined {
    const { primary } = shard;
    let backup = this.#backups.get(shard.id);
    if (backup !== undefined && (backup.failed ?? backup.primary !== primary)) {
      backup.abandon();
      this.#backups.delete(shard.id);
      backup = undefined;
    }
    // What owns nothing yet is the other shard's.
    if (primary === undefined || primary.state.takesFrom !== undefined) return undefined;
    if (backup === undefined) return this.#opening(shard, primary);
    if (backup.isOutgrown) return { type: 'renew', shard, backup };
    if (backup.isDue(this.#options.intervalMillis)) return { type: 'store', shard, backup };
    if (!backup.isLevel) return { type: 'advance', shard, backup };
    return backup.hasFormer ? { type: 'release', shard, backup } : undefined;
  }

  /** A process that has just begun has other things to do. One backup that breaks again and again does not keep the others waiting. */
  #opening(shard: ServedShard, primary: ShardPrimary): BackupJob | undefined {
    const { clock, intervalMillis } = this.#options;
    const opened = this.#opened.get(shard.id);
    const since = opened?.primary === primary ? opened.at : this.#begunAt;
    if (clock.monotonic() - since < intervalMillis) return undefined;
    return { type: 'open', shard, primary };
  }

  async run(job: BackupJob): Promise<void> {
    const { shard } = job;
    switch (job.type) {
      case 'open':
        return this.#open(shard, job.primary, false);
      case 'renew':
        job.backup.abandon();
        return this.#open(shard, job.backup.primary, true);
      case 'store':
        return job.backup.store();
      case 'release':
        return job.backup.releaseFormer();
      case 'advance':
        for (let i = 0; i < stepsPerTurn && !job.backup.isLevel; i++) await job.backup.advance();
    }
  }

  async #open(shard: ServedShard, primary: ShardPrimary, anew: boolean): Promise<void> {
    const { clock, clusterId, bodies, random, logger } = this.#options;
    this.#backups.delete(shard.id);
    this.#opened.set(shard.id, { primary, at: clock.monotonic() });
    const tools: BackupTools = {
      ...{ bodies, clock, random, logger, clusterId: clusterId() },
      policy: () => this.#hardiest(),
      onDue: () => this.#wake(),
    };
    const backup = await ShardBackup.open(tools, { shard, primary }, anew);
    this.#backups.set(shard.id, backup);
  }

  /** Of several that tolerate as much the default one, else the first that is not deprecated. */
  #hardiest(): string {
    const standard = this.#options.defaultPolicy();
    const policies = this.#options.policies().toSorted((a, b) => {
      const rank = (policy: Policy): number =>
        policy.name === standard ? 0 : policy.isDeprecated ? 2 : 1;
      return tolerance(b.scheme) - tolerance(a.scheme) || rank(a) - rank(b);
    });
    return policies[0]?.name ?? standard;
  }
}

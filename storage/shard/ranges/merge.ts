/**
 * One shard goes over into the one before it as a whole, by the same handover as when shards are split (decision 0035).
 * That one counts as untrimmed meanwhile: it hides what it does not own yet, and should it
 * come to nothing, that is deleted.
 */
import { StoreError } from '../../../base/errors.ts';
import type { ShardId } from '../../../base/units.ts';
import type { ShardPrimary } from '../primary/primary.ts';
import type { ShardState } from '../shard.ts';
import { type Backups, BackupWait } from '../backup/backed-up.ts';
import { changeLine } from './change-line.ts';
import { inOrder } from './extent.ts';
import { Handover, type HandoverLines, type HandoverOptions } from './handover.ts';

export interface MergeTools
  extends Pick<
    HandoverOptions,
    'coordinator' | 'stateMachine' | 'clock' | 'logger' | 'source' | 'target'
  > {
  readonly backups?: Backups | undefined;
}

export class Merge {
  readonly source: ShardPrimary;
  readonly target: ShardPrimary;
  readonly #tools: MergeTools;
  #handover: Handover | undefined;
  readonly #backedUp: BackupWait;

  constructor(tools: MergeTools) {
    this.source = tools.source;
    this.target = tools.target;
    this.#tools = tools;
    const { backups, clock } = tools;
    this.#backedUp = new BackupWait({ backups, clock, op: 'shard.merge' });
  }

  /** Does the next piece of work; true when the source is no more. Any rejection ends it: call `abandon`. */
  async step(): Promise<boolean> {
    const handover = this.#handover;
    if (handover === undefined) {
      await this.#open();
      return false;
    }
    // The source's backup goes with it: what it holds must be in the target's before.
    if (handover.isCopied && !(await this.#backedUp.isOver(this.target))) return false;
    return handover.step();
  }

  abandon(): void {
    this.#handover?.abandon();
  }

  async #open(): Promise<void> {
    const { source, target } = this.#tools;
    const { coordinator } = this.#tools;
    await changeLine(target, coordinator, (line) => ({ ...line, untrimmed: true }));
    const ids = source.range.extent;
    const joining = { shard: source.state.id, home: ids.start };
    const lines = (from: ShardState, to: ShardState): HandoverLines => this.#linesOf(from, to);
    this.#handover = new Handover({ ...this.#tools, ids, joining, lines });
  }

  #linesOf(source: ShardState, target: ShardState): HandoverLines {
    const { shards } = this.#tools.coordinator.current();
    if (shardBefore(shards, source.id) !== target.id) {
      throw new StoreError('conflict', 'shard.merge', 'another shard lies between the two');
    }
    // It ends now where the source ended.
    return { source: undefined, target };
  }

  told(): void {
    const { rowsCopied: rows = 0, heldMillis = 0 } = this.#handover ?? {};
    const [{ id: shard }, { id: into }] = [this.source.state, this.target.state];
    const fields = { event: 'shard.merged', shard, into, rows, heldMillis: Math.round(heldMillis) };
    this.#tools.logger.info(fields, 'A shard was merged into the one before it.');
  }
}

/** The shard into which this one may be merged; undefined: there is none. */
export function shardBefore(shards: readonly ShardState[], id: ShardId): ShardId | undefined {
  const order = inOrder(shards);
  return order[order.findIndex((shard) => shard.id === id) - 1]?.id;
}

/** Deletes the rows of a shard that are another shard's now, a few at a time, and makes its own what came with one that is no more. */
import type { Coordinator } from '../coordinator.ts';
import { scanRows } from '../list.ts';
import type { ShardPrimary } from '../primary/primary.ts';
import { keyAfter, rowAreas } from '../row-key.ts';
import type { StoredRow } from '../row.ts';
import type { StateMachine } from '../shard.ts';
import { changeLine } from './change-line.ts';
import type { Extent } from './extent.ts';
import { type KeyRange, localRows, rowsOfOtherIds } from './key-ranges.ts';

const rowsPerStep = 128;

export interface TrimTools {
  readonly coordinator: Coordinator;
  readonly stateMachine: StateMachine;
}

export class Trim {
  readonly primary: ShardPrimary;
  readonly #tools: TrimTools;
  readonly #extent: Extent;
  #left: readonly KeyRange[];
  #isBegun = false;

  constructor(primary: ShardPrimary, tools: TrimTools) {
    this.primary = primary;
    this.#tools = tools;
    this.#extent = primary.range.extent;
    this.#left = [localRows, ...rowsOfOtherIds(this.#extent)];
  }

  /** Whether it does what is to be done now: the shard may have been split again. */
  get isCurrent(): boolean {
    const { stopped, range, state } = this.primary;
    if (stopped !== undefined || state.untrimmed !== true) return false;
    const { start, end } = range.extent;
    return start === this.#extent.start && end === this.#extent.end;
  }

  /** True when no such row is left. */
  async step(): Promise<boolean> {
    const { local } = this.primary;
    if (!this.#isBegun) {
      this.#isBegun = true;
      await this.primary.settleAll();
      await local.flush();
    }
    const [range, ...others] = this.#left;
    if (range === undefined) {
      await this.#finish();
      return true;
    }
    const rows = await scanRows(local.index, local.rows.prefix, { ...range, limit: rowsPerStep });
    const foreign = rows.filter((row) => this.#isForeign(row));
    if (foreign.length > 0) {
      await this.primary.write(foreign.map(({ key }) => ({ type: 'delete', key })));
    }
    for (const row of rows) if (!foreign.includes(row)) await this.#settle(row);
    const last = rows.at(-1);
    const isDone = last === undefined || rows.length < rowsPerStep;
    this.#left = isDone ? others : [{ gte: keyAfter(last.key), lt: range.lt }, ...others];
    return false;
  }

  async #settle(row: StoredRow): Promise<void> {
    if (row.key[0] !== rowAreas.local) return;
    const command = this.#tools.stateMachine.settling(row);
    if (command !== undefined) await this.primary.execute(command);
  }

  /** By what is there now: the page was read a while ago. */
  #isForeign(row: StoredRow): boolean {
    const { range, local } = this.primary;
    return range.isElsewhere(local.get(row.key) ?? row, local);
  }

  #finish(): Promise<void> {
    const { coordinator } = this.#tools;
    return changeLine(this.primary, coordinator, ({ untrimmed: _untrimmed, ...line }) => line);
  }
}

/**
 * What a shard's primary may decide and answer: that of the ids which the map gives it. For the moment in which
 * some of them go to another shard, commands are held back.
 */
import { StoreError } from '../../../base/errors.ts';
import type { ShardId } from '../../../base/units.ts';
import type { Coordinator } from '../coordinator.ts';
import { rowAreas } from '../row-key.ts';
import type { ListQuery, Row, RowView, ShardState, StateMachine } from '../shard.ts';
import type { DirtyKeys } from './dirty-keys.ts';
import { type Extent, extentIn, idOfKey, moved, owns } from './extent.ts';
import type { Mirror } from './mirror.ts';

export interface RangeOptions {
  readonly id: ShardId;
  readonly coordinator: Pick<Coordinator, 'current'>;
  readonly stateMachine: Pick<StateMachine, 'homeOf' | 'checkKey' | 'checkListed'>;
  /** The primary's line of the map. */
  readonly state: () => ShardState;
  /** Commands that may wait. */
  readonly heldMax: number;
}

interface Gate {
  readonly opened: Promise<void>;
  readonly open: () => void;
}

const recentMax = 256;

export class Range {
  readonly #options: RangeOptions;
  #gate: Gate | undefined;
  #held = 0;
  #commands = 0;
  readonly #recent: string[] = [];
  /** Notes what is committed while rows are copied to another shard. */
  dirty: DirtyKeys | undefined;
  /** Has what is committed go over at once. */
  mirror: Mirror | undefined;

  constructor(options: RangeOptions) {
    this.#options = options;
  }

  /** Throws `stale-epoch` (`moved`) when the shard is no more. */
  get extent(): Extent {
    const { coordinator, id } = this.#options;
    const found = extentIn(coordinator.current().shards, id);
    if (found === undefined) throw moved();
    return found;
  }

  /** Throws `stale-epoch` (`moved`) for an id of another shard. */
  checkId(id: string | undefined): void {
    const { extent } = this;
    if (id !== undefined && !owns(extent, id)) throw moved();
  }

  /** The same for a command, which is counted. */
  admit(id: string | undefined): void {
    this.checkId(id);
    if (id !== undefined) this.#recent[this.#commands++ % recentMax] = id;
  }

  /** How many commands there were. */
  get commands(): number {
    return this.#commands;
  }

  /** What the last ones were about. */
  get recentIds(): readonly string[] {
    return this.#recent;
  }

  /** The same for a row's key. */
  checkKey(key: Uint8Array): void {
    this.checkId(idOfKey(key));
  }

  /** Whether rows of this key are here, after they were read. Throws `stale-epoch` (`moved`), and what the state machine does. */
  checkRead(key: Uint8Array, rows: RowView): void {
    this.checkKey(key);
    this.#options.stateMachine.checkKey(key, rows);
  }

  /** The same for a listing. */
  checkListed(query: ListQuery, rows: RowView): void {
    this.checkKey(query.region);
    this.#options.stateMachine.checkListed(query, rows);
  }

  get isHeld(): boolean {
    return this.#gate !== undefined;
  }

  /** Commands wait from now on; the returned function lets them go on. */
  hold(): () => void {
    let open = (): void => undefined;
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const gate = { opened, open };
    this.#gate = gate;
    return () => {
      if (this.#gate === gate) this.#gate = undefined;
      open();
    };
  }

  /** Resolves when commands may go on. */
  async opened(): Promise<void> {
    if (this.#held >= this.#options.heldMax) {
      throw new StoreError('unavailable', 'shard.execute', 'too many commands wait', {
        detail: { slowDown: true },
      });
    }
    this.#held++;
    try {
      while (this.#gate !== undefined) await this.#gate.opened;
    } finally {
      this.#held--;
    }
  }

  /** Whether a row in area `local` belongs to an id of another shard: it went there, or came from there too early. */
  isForeign(row: Row, view: RowView): boolean {
    if (row.key[0] !== rowAreas.local) return false;
    const home = this.#options.stateMachine.homeOf(row, view);
    return home !== undefined && !owns(this.extent, home);
  }

  /** Whether any row is another shard's. */
  isElsewhere(row: Row, view: RowView): boolean {
    const id = idOfKey(row.key);
    return id === undefined ? this.isForeign(row, view) : !owns(this.extent, id);
  }

  /** The rows without those that are another shard's. */
  view(rows: RowView): RowView {
    if (this.#options.state().untrimmed !== true) return rows;
    return {
      get: (key) => {
        const row = rows.get(key);
        return row === undefined || this.isForeign(row, rows) ? undefined : row;
      },
    };
  }
}

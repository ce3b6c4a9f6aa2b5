/**
 * What a shard commits about ids that go over to another one, committed there, too, in the same turn. It stands
 * between the last row that is copied and the change of the map, so that commands need not wait for the map.
 *
 * Invariants:
 * - Nothing is acknowledged by the source, or readable there, before the target has it durable and readable.
 * - Whatever the source has decided, the target's next decision sees. So it does not matter at which moment
 *   the map gives the ids away.
 */
import { StoreError, toStoreError } from '../../../base/errors.ts';
import type { Micros, Sequence } from '../../../base/units.ts';
import type { EncodedRecord } from '../log/record.ts';
import type { RowWrite } from '../shard.ts';

/** The two primaries (primary/primary.ts), as far as a mirror needs them. */
interface Source {
  advance(): void;
  lose(error: StoreError): void;
}
interface Target {
  write(writes: readonly RowWrite[], time: Micros): Promise<unknown>;
}

export interface MirrorOptions {
  readonly source: Source;
  readonly target: Target;
  /** As it is written to the target; undefined: it does not go over. */
  readonly there: (write: RowWrite) => RowWrite | undefined;
}

export class Mirror {
  readonly #options: MirrorOptions;
  /** Commits of the source that the target does not have yet, in order. */
  readonly #pending = new Set<Sequence>();
  #waiters: { readonly resolve: () => void; readonly reject: (error: StoreError) => void }[] = [];
  #failed: StoreError | undefined;
  #isClosed = false;
  /** The map may give the ids away at any moment, or has. */
  isBinding = false;

  constructor(options: MirrorOptions) {
    this.#options = options;
  }

  /** The last commit of the source before which nothing is pending. */
  get limit(): number {
    const [first] = this.#pending;
    return first === undefined ? Number.POSITIVE_INFINITY : first - 1;
  }

  add({ sequence, time }: EncodedRecord, writes: readonly RowWrite[]): void {
    const { target, there } = this.#options;
    if (this.#isClosed) return;
    const copies = writes.flatMap((write) => there(write) ?? []);
    if (copies.length === 0) return;
    this.#pending.add(sequence);
    target.write(copies, time).then(
      () => this.#done(sequence),
      (error: unknown) => this.#fail(toStoreError(error, 'shard.handover')),
    );
  }

  #done(sequence: Sequence): void {
    if (this.#failed !== undefined) return;
    this.#pending.delete(sequence);
    if (this.#pending.size === 0) for (const { resolve } of this.#waiters.splice(0)) resolve();
    this.#options.source.advance();
  }

  #fail(error: StoreError): void {
    if (this.#failed !== undefined) return;
    this.#failed = error;
    for (const { reject } of this.#waiters.splice(0)) reject(error);
    // Who owns the ids, and what they have there, nobody knows here.
    if (this.isBinding) this.#options.source.lose(error);
    else this.#release();
  }

  #release(): void {
    this.#isClosed = true;
    this.#pending.clear();
    this.#options.source.advance();
  }

  /** The ids have gone over: what comes now is not about them. */
  close(): void {
    this.#isClosed = true;
  }

  /** Why the target lacks something. */
  get failed(): StoreError | undefined {
    return this.#failed;
  }

  /** Resolves when the target has everything. */
  drained(): Promise<void> {
    if (this.#failed !== undefined) return Promise.reject(this.#failed);
    if (this.#pending.size === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
    });
  }

  /** It is over, or the ids stay where they are: nothing waits for the target any more. */
  abandon(): void {
    this.isBinding = false;
    this.#failed ??= new StoreError('cancelled', 'shard.handover', 'it was given up');
    this.#release();
  }
}

/**
 * Writes rows into a device's index in large batches, none of them synced: the log is the truth.
 *
 * What was put here is seen by `lookup` at once and by readers of the index after `flush`. Of
 * several writes to one key only the last reaches the index.
 */
import { StoreError } from '../../../base/errors.ts';
import { MiB } from '../../../base/units.ts';
import { asBuffer } from '../log/record.ts';
import { deleteRange, type Index } from '../row.ts';
import { type KeptValue, RecentValues } from './recent-values.ts';

interface Pending {
  readonly key: Uint8Array;
  /** Undefined: a deletion. */
  readonly kept: KeptValue | undefined;
}

type IndexOperation =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: Uint8Array };

/** Rows wait for company up to this many, or so many bytes: who reads by key finds them here, and who scans flushes first. */
const lazyRows = 1024;
const lazyBytes: number = 4 * MiB;
/** Beyond this the log has to wait for the index, so that memory stays bounded. */
const backlogRows = 16 * lazyRows;
const backlogBytes = 4 * lazyBytes;

export class Applier {
  readonly #index: Index;
  readonly #onFailure: (error: StoreError) => void;
  #pending = new Map<string, Pending>();
  #pendingBytes = 0;
  #flushing = new Map<string, Pending>();
  readonly #recent = new RecentValues();
  #current: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(index: Index, onFailure: (error: StoreError) => void) {
    this.#index = index;
    this.#onFailure = onFailure;
  }

  /** The applier keeps both arrays; their bytes must not change. */
  put(key: Uint8Array, value: Uint8Array): void {
    const text = textOf(key);
    this.#recent.forget(text);
    this.#pending.set(text, { key, kept: { value, row: undefined } });
    this.#pendingBytes += value.length;
  }

  delete(key: Uint8Array): void {
    const text = textOf(key);
    this.#recent.forget(text);
    this.#pending.set(text, { key, kept: undefined });
  }

  /** The newest value, flushed or not. */
  lookup(key: Uint8Array): Uint8Array | undefined {
    return this.find(key)?.value;
  }

  /** As `lookup`; the row that is noted beside the value is found again as long as the value is the newest and at hand. */
  find(key: Uint8Array): KeptValue | undefined {
    const text = textOf(key);
    const found = this.#pending.get(text) ?? this.#flushing.get(text);
    if (found !== undefined) return found.kept;
    const recent = this.#recent.get(text);
    if (recent !== undefined) return recent;
    const value = this.#index.getSync(key);
    return value === undefined ? undefined : this.#recent.keep(text, value);
  }

  /** Deletes from the index itself what lies in a range; what was put there before is flushed first, so that it cannot come back. */
  async deleteRange(range: { readonly gte: Uint8Array; readonly lt: Uint8Array }): Promise<void> {
    await this.flush();
    await deleteRange(this.#index, range);
    this.#recent.forgetAll();
  }

  /** Flushes when enough has come together; waits only when the index falls far behind the log. */
  async flushLazily(): Promise<void> {
    if (this.#pending.size < lazyRows && this.#pendingBytes < lazyBytes) return;
    const flushed = this.flush();
    if (this.#pending.size >= backlogRows || this.#pendingBytes >= backlogBytes) return flushed;
    // The failure is reported once, to `onFailure`; nobody waits for this flush.
    flushed.catch(() => undefined);
  }

  /** Resolves when everything put before the call is in the index. StoreError `unavailable` when the index failed. */
  flush(): Promise<void> {
    if (this.#current === undefined) {
      if (this.#pending.size === 0) return Promise.resolve();
      this.#current = this.#write();
      return this.#current;
    }
    this.#next ??= this.#current.then(() => this.#followUp());
    return this.#next;
  }

  #followUp(): Promise<void> {
    this.#next = undefined;
    this.#current = this.#write();
    return this.#current;
  }

  async #write(): Promise<void> {
    this.#flushing = this.#pending;
    this.#pending = new Map();
    this.#pendingBytes = 0;
    const operations: IndexOperation[] = [];
    for (const { key, kept } of this.#flushing.values()) {
      operations.push(
        kept === undefined ? { type: 'del', key } : { type: 'put', key, value: kept.value },
      );
    }
    try {
      await this.#index.batch(operations);
    } catch (cause) {
      const error = new StoreError('unavailable', 'index.apply', 'the index failed', { cause });
      this.#onFailure(error);
      throw error;
    }
    this.#flushing = new Map();
    this.#current = undefined;
  }
}

function textOf(key: Uint8Array): string {
  return asBuffer(key).toString('latin1');
}

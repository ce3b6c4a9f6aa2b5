import { MemoryLevel } from 'memory-level';
import type { SeededRandom } from './random.ts';

type Operation =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: Uint8Array };

type ViewLevel = MemoryLevel<Uint8Array, Uint8Array>;

function openLevel(): ViewLevel {
  return new MemoryLevel({ keyEncoding: 'view', valueEncoding: 'view', storeEncoding: 'view' });
}

/**
 * A device's index that forgets like LevelDB does: after a power loss it holds a prefix of its
 * batches, at least up to the last one that was written with `sync: true`.
 */
export class SimIndexStore {
  #level: ViewLevel = openLevel();
  #durable: ViewLevel = openLevel();
  #pending: (readonly Operation[])[] = [];

  /** A handle for one life of the process. */
  open(): ViewLevel {
    const level = this.#level;
    level.on('write', (operations) => {
      // Code of a life that has ended may still write; nobody will see it.
      if (level === this.#level) this.#pending.push(operations.map(toOperation));
    });
    return this.#withSync(level);
  }

  /** Only `sync: true` moves the durable point; everything before it is durable too. */
  #withSync(level: ViewLevel): ViewLevel {
    const flush = async (): Promise<void> => {
      if (level === this.#level) await this.#flush();
    };
    return new Proxy(level, {
      get(target, property): unknown {
        const value: unknown = Reflect.get(target, property, target);
        if (typeof value !== 'function') return value;
        if (property !== 'put' && property !== 'batch' && property !== 'del') {
          return value.bind(target) as unknown;
        }
        return async (...args: unknown[]): Promise<void> => {
          await (Reflect.apply(value, target, args) as Promise<void>);
          if (args.some(isSync)) await flush();
        };
      },
    });
  }

  async #flush(): Promise<void> {
    const batches = this.#pending;
    this.#pending = [];
    for (const batch of batches) await this.#durable.batch([...batch]);
  }

  /** kill -9: LevelDB's writes are in the page cache and survive. */
  async killed(): Promise<void> {
    await this.#reopen(this.#pending.length);
  }

  /** Power loss: some prefix of the un-synced batches survives. */
  async powerLost(random: SeededRandom): Promise<void> {
    await this.#reopen(random.below(this.#pending.length + 1));
  }

  /** The device was replaced, or its index folder lost. */
  wipe(): void {
    this.#level = openLevel();
    this.#durable = openLevel();
    this.#pending = [];
  }

  async #reopen(batches: number): Promise<void> {
    const kept = this.#pending.slice(0, batches);
    this.#pending = [];
    const next = openLevel();
    this.#level = next;
    for await (const [key, value] of this.#durable.iterator()) await next.put(key, value);
    for (const batch of kept) await next.batch([...batch]);
    // What survived the crash is on the medium now.
    this.#durable = openLevel();
    for await (const [key, value] of next.iterator()) await this.#durable.put(key, value);
  }
}

function isSync(argument: unknown): boolean {
  return (
    typeof argument === 'object' &&
    argument !== null &&
    'sync' in argument &&
    argument.sync === true
  );
}

function toOperation(operation: { type: string; key: unknown; value?: unknown }): Operation {
  const key = asBytes(operation.key);
  if (operation.type === 'del') return { type: 'del', key };
  return { type: 'put', key, value: asBytes(operation.value) };
}

function asBytes(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw new Error('the index holds bytes only');
}

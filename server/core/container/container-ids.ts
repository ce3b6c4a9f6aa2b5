import type { Id } from '../model.ts';

/**
 * Which container id a name means, remembered. Safe without invalidation: a container keeps its
 * name as long as it lives, and every use reads the container's own row, whose tombstone says that
 * the name may mean another one by now. Bounded: the oldest lines go first.
 */
export class ContainerIds {
  readonly #ids = new Map<string, Id>();
  readonly #capacity: number;

  /** 10,000 lines of some 200 bytes are 2 MB. */
  constructor(capacity = 10_000) {
    this.#capacity = capacity;
  }

  get(account: string, name: string): Id | undefined {
    return this.#ids.get(`${account}/${name}`);
  }

  set(account: string, name: string, id: Id): void {
    if (this.#ids.size >= this.#capacity) {
      const oldest = this.#ids.keys().next();
      if (oldest.done !== true) this.#ids.delete(oldest.value);
    }
    this.#ids.set(`${account}/${name}`, id);
  }

  delete(account: string, name: string): void {
    this.#ids.delete(`${account}/${name}`);
  }
}

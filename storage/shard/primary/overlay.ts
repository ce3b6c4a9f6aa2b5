/** Rows of commits that are decided and not yet readable: what later decisions must see. */
import type { Sequence } from '../../../base/units.ts';
import { asBuffer } from '../log/record.ts';

interface OverlayRow {
  readonly sequence: Sequence;
  /** An index value (its body's place is not known yet); undefined: deleted. */
  readonly value: Uint8Array | undefined;
}

export class Overlay {
  readonly #rows = new Map<string, OverlayRow>();

  /** Undefined when no undecided commit wrote the row: then the index is right. */
  get(key: Uint8Array): OverlayRow | undefined {
    return this.#rows.size === 0 ? undefined : this.#rows.get(textOf(key));
  }

  /** Returns the text by which `settle` finds the row again. */
  set(key: Uint8Array, row: OverlayRow): string {
    const text = textOf(key);
    this.#rows.set(text, row);
    return text;
  }

  /** The commit's rows are readable: what no later commit wrote goes. */
  settle(texts: readonly string[], sequence: Sequence): void {
    for (const text of texts) {
      if (this.#rows.get(text)?.sequence === sequence) this.#rows.delete(text);
    }
  }
}

function textOf(key: Uint8Array): string {
  return asBuffer(key).toString('latin1');
}

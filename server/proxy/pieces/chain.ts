/**
 * What this process has seen of the pieces of containers. It need not be right: a piece gives names away from
 * its end only, so whoever follows what is known here arrives at the right piece or at one before it, which says so.
 */
import { compareBytes, compareUtf8, utf8 } from '../../../base/bytes.ts';
import type { Id } from '../../core/model.ts';
import type { Piece } from '../../core/pieces/piece.ts';

/** Where a piece begins, as it was seen last: it may begin earlier by now. */
export interface Known {
  readonly from: string;
  readonly id: Id;
}

export interface Found {
  readonly id: Id;
  /** Where it begins. */
  readonly from: string;
  /** Where the next one begins that is known. */
  readonly to: string | undefined;
}

/** Pieces of all containers that are remembered: some 10 MiB with names of 100 bytes. */
const rememberedMax = 50_000;

export class Chains {
  /** Of each id that was asked for, the pieces behind it, in order. */
  readonly #chains = new Map<Id, Known[]>();
  #count = 0;

  /** The piece to ask for a name, asked for under the id of the container or of any of its pieces. */
  at(id: Id, name: string): Found {
    return this.#find(id, (from) => compareUtf8(from, name) <= 0);
  }

  /** The piece to ask for the last names before `end` (bytes); undefined: for the last of all. */
  before(id: Id, end: Uint8Array | undefined): Found {
    return this.#find(id, (from) => end === undefined || compareBytes(utf8(from), end) < 0);
  }

  /** `isBefore` is true of the first ones alone. */
  #find(id: Id, isBefore: (from: string) => boolean): Found {
    const known = this.#chains.get(id) ?? [];
    let low = 0;
    let high = known.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isBefore(known[middle]?.from ?? '')) low = middle + 1;
      else high = middle;
    }
    const found = known[low - 1] ?? { id, from: '' };
    return { ...found, to: known[low]?.from };
  }

  /** The piece `reached`, from `id`, said this of itself. */
  learn(id: Id, reached: Id, { from, to, next }: Piece): void {
    if (to === undefined || next === undefined) return;
    const before = this.#chains.get(id) ?? [];
    const known = before.filter((one) => one.id !== reached && one.id !== next);
    // Its own place too: were it taken to begin behind its end, it would be asked for the next one's names for ever.
    if (reached !== id) insert(known, earliest({ id: reached, from }, before));
    insert(known, earliest({ id: next, from: to }, before));
    this.#count += known.length - before.length;
    // The one that was learnt last goes last.
    this.#chains.delete(id);
    this.#chains.set(id, known);
    for (const [oldest, { length }] of this.#chains) {
      if (this.#count <= rememberedMax || oldest === id) break;
      this.#chains.delete(oldest);
      this.#count -= length;
    }
  }
}

/** Of what was heard of its beginning: pieces grow towards the front only. */
function earliest(heard: Known, before: readonly Known[]): Known {
  const old = before.find(({ id }) => id === heard.id);
  return old !== undefined && compareUtf8(old.from, heard.from) < 0 ? old : heard;
}

/** Behind those that begin with the same name: these are empty, or were learnt earlier. */
function insert(known: Known[], one: Known): void {
  const place = known.findIndex(({ from }) => compareUtf8(from, one.from) > 0);
  known.splice(place < 0 ? known.length : place, 0, one);
}

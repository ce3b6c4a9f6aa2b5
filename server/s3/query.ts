/** The query of a request: decoded parameters in the order sent. */
import { s3Error } from './codes.ts';

export class Query {
  readonly #values: Map<string, string> = new Map();

  /** Throws `InvalidURI` when an escape is broken or its bytes are not UTF-8. */
  constructor(raw: string) {
    if (raw === '') return;
    for (const piece of raw.split('&')) {
      if (piece === '') continue;
      const at = piece.indexOf('=');
      const name = decodeText(at < 0 ? piece : piece.slice(0, at));
      // The first of repeated parameters counts.
      if (!this.#values.has(name)) {
        this.#values.set(name, at < 0 ? '' : decodeText(piece.slice(at + 1)));
      }
    }
  }

  /** '' for a parameter without value; undefined when absent. */
  get(name: string): string | undefined {
    return this.#values.get(name);
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  names(): Iterable<string> {
    return this.#values.keys();
  }
}

/** Form decoding: `+` is a blank. */
export function decodeText(raw: string): string {
  return decodePercent(raw.includes('+') ? raw.replaceAll('+', ' ') : raw);
}

/** Percent decoding to UTF-8 text; throws `InvalidURI` for anything that is not. */
export function decodePercent(raw: string): string {
  if (!raw.includes('%')) return raw;
  try {
    return decodeURIComponent(raw);
  } catch {
    // URIError is the only thing it throws: a broken escape, or bytes that are not UTF-8.
    throw s3Error('InvalidURI');
  }
}

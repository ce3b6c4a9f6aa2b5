/** The query string as Swift reads it: form-encoded, the last of a repeated parameter wins, bytes until a text is asked for. */
import { headerText } from '../http/exchange.ts';
import { unquote } from './path.ts';
import { refuse } from './reply.ts';

export class Query {
  readonly #values = new Map<string, string>();
  readonly #first = new Map<string, string>();

  constructor(query: string) {
    for (const pair of query.split('&')) {
      if (pair === '') continue;
      const equals = pair.indexOf('=');
      const name = equals < 0 ? pair : pair.slice(0, equals);
      const value = equals < 0 ? '' : pair.slice(equals + 1);
      const key = unquote(name.replaceAll('+', ' '));
      const bytes = unquote(value.replaceAll('+', ' '));
      this.#values.set(key, bytes);
      if (!this.#first.has(key)) this.#first.set(key, bytes);
    }
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** The same parameters but one. */
  without(name: string): Query {
    const rest = new Query('');
    for (const [key, value] of this.#values) if (key !== name) rest.#values.set(key, value);
    return rest;
  }

  get isEmpty(): boolean {
    return this.#values.size === 0;
  }

  /** The first value of a repeated parameter as text: what signatures are made of. */
  first(name: string): string | undefined {
    return textOf(name, this.#first.get(name));
  }

  /** The value as text; undefined when absent. Bytes that are not UTF-8 are refused with 400. */
  text(name: string): string | undefined {
    return textOf(name, this.#values.get(name));
  }
}

function textOf(name: string, bytes: string | undefined): string | undefined {
  if (bytes === undefined) return undefined;
  const text = headerText(bytes);
  if (text === undefined) throw refuse(400, `"${name}" parameter not valid UTF-8`);
  return text;
}

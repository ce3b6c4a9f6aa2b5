import type { Clock } from '../../base/clock.ts';
import { StoreError } from '../../base/errors.ts';
import { answerBytes } from './settings.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed JSON; undefined when it is none. */
  readonly body: unknown;
}

export interface Question {
  readonly method: 'GET' | 'POST';
  /** Below the URL, e.g. `/v3/auth/tokens`. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
}

export type Ask = (question: Question) => Promise<Answer>;

const op = 'keystone.ask';

/** Asks over HTTP, with a bound on time and size; redirects are not followed. Throws `unavailable`, never what was asked. */
export function createAsk(url: string, timeoutMillis: number, clock: Clock): Ask {
  return async (question) => {
    const aborter = new AbortController();
    const cancel = clock.after(timeoutMillis, () => aborter.abort());
    try {
      const response = await fetch(url + question.path, {
        method: question.method,
        redirect: 'error',
        signal: aborter.signal,
        headers: {
          Accept: 'application/json',
          'User-Agent': 'Torc',
          ...(question.json === undefined ? {} : { 'Content-Type': 'application/json' }),
          ...question.headers,
        },
        ...(question.json === undefined ? {} : { body: JSON.stringify(question.json) }),
      });
      const body = await readBounded(response);
      if (response.status >= 500) throw away(`it answered ${response.status}`);
      return { status: response.status, headers: response.headers, body: parse(body) };
    } catch (error) {
      if (error instanceof StoreError) throw error;
      throw away('it cannot be reached', error);
    } finally {
      cancel();
    }
  };
}

function away(sentence: string, cause?: unknown): StoreError {
  return new StoreError('unavailable', op, `Keystone: ${sentence}`, { cause });
}

async function readBounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > answerBytes) throw away('its answer is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

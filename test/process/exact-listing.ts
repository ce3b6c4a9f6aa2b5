/**
 * Random writes through one connection, each followed by a listing through another one that must be
 * exactly what a model says: every name, size, digest and type, none more, none less, in order, and
 * the container's sums. Nothing is asked twice and nobody waits: the promise is "at once".
 */
import { createHash } from 'node:crypto';
import { Agent, request } from 'node:http';
import { expect } from 'vitest';
import type { ServerProcess } from './server.ts';

interface Stored {
  readonly bytes: number;
  readonly hash: string;
  readonly type: string;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** Numbers that one seed brings again (mulberry32). */
function numbersOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** Names that sort, encode or group in their own ways; folders of some, so that groups come and go. */
const names = [
  'a',
  'a/',
  'a/b',
  'a//b',
  'B',
  'ü',
  'u\u0308',
  '\u{1F600}',
  '\uFFFD',
  '..',
  '%2F',
  'a b+c',
].concat(Array.from({ length: 28 }, (_, i) => `folder-${i % 4}/${i}`));
const types = ['text/plain', 'image/png', 'application/x-torc; charset=utf-8'];
/** In the row, at its border, and beyond it in fragments. */
const sizes = [0, 1, 300, 300, 300, 300, 16_384, 16_385, 70_000];

const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

export class ExactListing {
  readonly #agents = Array.from({ length: 4 }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
  readonly #url: string;
  readonly #container: string;
  readonly #random: (below: number) => number;
  readonly #model = new Map<string, Stored>();
  #token = '';
  #storage = '';

  constructor(server: ServerProcess, container: string, seed: number) {
    this.#url = server.httpUrl;
    this.#container = container;
    this.#random = numbersOf(seed);
  }

  async open({ credentials }: ServerProcess): Promise<void> {
    const { account, user, password } = credentials;
    const headers = { 'X-Auth-User': `${account}:${user}`, 'X-Auth-Key': password };
    const signedIn = await this.#send(0, 'GET', `${this.#url}/auth/v1.0`, headers);
    this.#token = String(signedIn.headers['x-auth-token']);
    this.#storage = String(signedIn.headers['x-storage-url']);
    expect((await this.#ask(0, 'PUT', '')).status).toBe(201);
  }

  close(): void {
    for (const agent of this.#agents) agent.destroy();
  }

  /** One write and one look; throws when the look is not exact. */
  async trial(): Promise<void> {
    const writer = this.#random(this.#agents.length);
    const reader = (writer + 1 + this.#random(this.#agents.length - 1)) % this.#agents.length;
    const what = await this.#write(writer);
    await this.#look(reader, what);
  }

  async #write(connection: number): Promise<string> {
    const name = this.#pick(names);
    const stored = this.#model.get(name);
    const kind = this.#random(10);
    if (stored === undefined || kind < 4) return this.#put(connection, name);
    if (kind < 7) {
      expect((await this.#ask(connection, 'DELETE', name)).status).toBe(204);
      this.#model.delete(name);
      return `DELETE ${name}`;
    }
    if (kind < 8) {
      const type = this.#pick(types);
      const headers = { 'Content-Type': type, 'X-Object-Meta-Trial': String(kind) };
      expect((await this.#ask(connection, 'POST', name, headers)).status).toBe(202);
      this.#model.set(name, { ...stored, type });
      return `POST ${name}`;
    }
    const target = this.#pick(names);
    const headers = { Destination: `${this.#container}/${encodeURIComponent(target)}` };
    expect((await this.#ask(connection, 'COPY', name, headers)).status).toBe(201);
    this.#model.set(target, stored);
    return `COPY ${name} to ${target}`;
  }

  async #put(connection: number, name: string): Promise<string> {
    const body = Buffer.alloc(this.#pick(sizes), this.#random(256));
    const type = this.#pick(types);
    const hash = createHash('md5').update(body).digest('hex');
    const answer = await this.#ask(connection, 'PUT', name, { 'Content-Type': type }, body);
    expect(answer.status).toBe(201);
    this.#model.set(name, { bytes: body.length, hash, type });
    return `PUT ${name}`;
  }

  /** A whole listing, one of a prefix, a page, a reversed one, or one with groups. */
  async #look(connection: number, after: string): Promise<void> {
    const all = [...this.#model.keys()].toSorted(byBytes);
    const form = this.#random(6);
    const prefix = form === 1 ? this.#pick(['a', 'folder-1/', 'u']) : '';
    const page =
      form === 2 ? { marker: this.#pick(names), limit: 1 + this.#random(20) } : undefined;
    const delimiter = form === 3 ? '/' : '';
    const query = new URLSearchParams({ format: 'json' });
    if (prefix !== '') query.set('prefix', prefix);
    if (page !== undefined) query.set('marker', page.marker);
    if (page !== undefined) query.set('limit', String(page.limit));
    if (delimiter !== '') query.set('delimiter', delimiter);
    if (form === 4) query.set('reverse', 'true');
    const wanted = all
      .filter((name) => name.startsWith(prefix))
      .filter((name) => page === undefined || byBytes(name, page.marker) > 0)
      .slice(0, page?.limit);
    const lines = delimiter === '' ? wanted.map((name) => this.#line(name)) : this.#grouped(wanted);
    const answer = await this.#ask(connection, 'GET', `?${query.toString()}`);
    expect(answer.status, after).toBe(200);
    const shown = (JSON.parse(answer.text) as Record<string, unknown>[]).map((line) => {
      const { last_modified, ...rest } = line;
      if (!('subdir' in line)) expect(typeof last_modified).toBe('string');
      return rest;
    });
    expect(shown, `${after}, then ?${query.toString()}`).toEqual(
      form === 4 ? lines.toReversed() : lines,
    );
    const sums = await this.#sumsOf(connection);
    const bytes = [...this.#model.values()].reduce((sum, one) => sum + one.bytes, 0);
    expect(sums, after).toEqual([String(all.length), String(bytes)]);
  }

  async #sumsOf(connection: number): Promise<readonly unknown[]> {
    const { headers } = await this.#ask(connection, 'HEAD', '');
    return [headers['x-container-object-count'], headers['x-container-bytes-used']];
  }

  #line(name: string): Record<string, unknown> {
    const { bytes, hash, type } = this.#model.get(name) ?? { bytes: -1, hash: '', type: '' };
    return { name, bytes, hash, content_type: type };
  }

  #grouped(all: readonly string[]): Record<string, unknown>[] {
    const lines = new Map<string, Record<string, unknown>>();
    for (const name of all) {
      const slash = name.indexOf('/');
      if (slash < 0) lines.set(name, this.#line(name));
      else lines.set(name.slice(0, slash + 1), { subdir: name.slice(0, slash + 1) });
    }
    return [...lines.entries()].toSorted(([a], [b]) => byBytes(a, b)).map(([, line]) => line);
  }

  #pick<T>(from: readonly T[]): T {
    const one = from[this.#random(from.length)];
    if (one === undefined) throw new Error('nothing to pick from');
    return one;
  }

  #ask(
    connection: number,
    method: string,
    rest: string,
    headers: Readonly<Record<string, string>> = {},
    body?: Buffer,
  ): Promise<Answer> {
    const path = rest === '' || rest.startsWith('?') ? rest : `/${encodeURIComponent(rest)}`;
    const url = `${this.#storage}/${this.#container}${path}`;
    return this.#send(connection, method, url, { 'X-Auth-Token': this.#token, ...headers }, body);
  }

  #send(
    connection: number,
    method: string,
    url: string,
    headers: Readonly<Record<string, string>>,
    body?: Buffer,
  ): Promise<Answer> {
    const agent = this.#agents[connection];
    return new Promise((resolve, reject) => {
      const lengths = body === undefined ? {} : { 'Content-Length': String(body.length) };
      const { hostname, port } = new URL(url);
      // The path as it is: parsed as part of a URL, `..` would be gone.
      const path = url.slice(url.indexOf('/', 'http://'.length));
      const options = { method, agent, hostname, port, path, headers: { ...headers, ...lengths } };
      const outgoing = request(options, (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.once('error', reject);
        answer.once('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text });
        });
      });
      outgoing.once('error', reject);
      outgoing.end(body);
    });
  }
}

/** `trials` of them, in as many containers as `side` says at once. */
export async function runTrials(
  server: ServerProcess,
  { trials, side, seed }: { readonly trials: number; readonly side: number; readonly seed: number },
): Promise<void> {
  let left = trials;
  const one = async (number: number): Promise<void> => {
    const listing = new ExactListing(server, `exact-${seed}-${number}`, seed * 1000 + number);
    await listing.open(server);
    for (; left > 0; left--) await listing.trial();
    listing.close();
  };
  await Promise.all(Array.from({ length: side }, (_, number) => one(number)));
}

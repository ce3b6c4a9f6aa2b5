/** The Swift door over the real core on in-memory ports: requests and replies as values. */
import { InvariantError } from '../../../base/invariant.ts';
import { type Logger, silentLogger } from '../../../base/log.ts';
import type { ReadOnly } from '../../../server/core/access/read-only.ts';
import { createCore } from '../../../server/core/core.ts';
import type { Core } from '../../../server/core/api.ts';
import { type UserDirectory, type UserEntry, directoryOf } from '../../../server/core/users.ts';
import type { Door, HttpRequest } from '../../../server/http/exchange.ts';
import type { IdentityService } from '../../../server/core/identity.ts';
import { createS3Dialect } from '../../../server/s3/access/dialect.ts';
import { swiftDialect } from '../../../server/swift/access/dialect.ts';
import { createSwiftDoor } from '../../../server/swift/door.ts';
import { defaultSwiftSettings, type SwiftSettings } from '../../../server/swift/settings.ts';
import { MemoryKeys } from '../../memory/keys.ts';
import type { MemoryRows } from '../../memory/rows.ts';
import { createMemoryPorts, ManualClock, seededRandom } from '../../memory/ports.ts';

interface Answer {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
  readonly names: readonly string[];
  /** Every value of a header. */
  readonly all: (name: string) => readonly string[];
  readonly bytes: Buffer;
  readonly text: string;
}

interface Ask {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly chunked?: boolean;
  /** Default: the token of test:tester. Empty: none. */
  readonly token?: string;
}

export interface Harness {
  readonly door: Door;
  readonly core: Core;
  readonly rows: MemoryRows;
  readonly clock: ManualClock;
  readonly keys: MemoryKeys;
  readonly tokens: Readonly<
    Record<'owner' | 'member' | 'other' | 'service' | 'reseller' | 'reader', string>
  >;
  /** `path` may hold a query. */
  readonly ask: (method: string, path: string, ask?: Ask) => Promise<Answer>;
}

function user(
  account: string,
  name: string,
  role: UserEntry['role'],
  groups: readonly string[] = [],
): UserEntry {
  const login = `${account.replace('AUTH_', '')}:${name}`;
  return {
    account,
    user: name,
    role,
    groups,
    swift: { login, key: `${name}-key` },
    canonicalId: account,
    displayName: account,
  };
}

const entries = [
  user('AUTH_test', 'tester', 'owner'),
  user('AUTH_test', 'tester3', 'member'),
  user('AUTH_test2', 'tester2', 'owner'),
  user('AUTH_test5', 'tester5', 'member', ['service']),
  user('AUTH_admin', 'admin', 'reseller'),
  user('AUTH_admin', 'reader', 'reseller-reader'),
];

const users: UserDirectory = directoryOf(entries);

/** An error in the log is a fault of the program: no request may cause one. */
const strictLogger: Logger = {
  ...silentLogger,
  error: (fields, sentence) => {
    throw new InvariantError(`${fields.event}: ${sentence}`);
  },
};

export interface HarnessOptions {
  readonly settings?: Partial<SwiftSettings>;
  readonly identity?: IdentityService;
  readonly readOnly?: ReadOnly;
}

export async function createHarness(options: HarnessOptions = {}): Promise<Harness> {
  const clock = new ManualClock();
  const random = seededRandom('swift');
  const expiredKeptMillis = (options.settings?.expiredKeptSeconds ?? 0) * 1000;
  const ports = createMemoryPorts({ clock, random, expiredKeptMillis });
  // Small pages, so that listings take several; small parts, so that a multipart object fits a test.
  const limits = { maxPageItems: 3, minPartBytes: 1000 };
  const keys = new MemoryKeys(seededRandom('keys'));
  const core = createCore({
    ...{ ...ports, clock, random, logger: silentLogger, limits, keys },
    dialects: [swiftDialect, createS3Dialect(users)],
    readOnly: options.readOnly,
  });
  const tokenSecret = new Uint8Array(32).fill(9);
  const door = createSwiftDoor({
    core,
    users,
    clock,
    random,
    logger: strictLogger,
    tokenSecret,
    version: '0.1.0',
    identity: options.identity,
    settings: { ...defaultSwiftSettings, ...options.settings },
  });
  const signIn = async (login: string): Promise<string> => {
    const key = `${login.slice(login.indexOf(':') + 1)}-key`;
    const headers = { 'X-Auth-User': login, 'X-Auth-Key': key };
    const answer = await send(door, 'GET', '/auth/v1.0', { token: '', headers });
    return answer.headers.get('x-auth-token') ?? '';
  };
  const tokens = {
    owner: await signIn('test:tester'),
    member: await signIn('test:tester3'),
    other: await signIn('test2:tester2'),
    service: await signIn('test5:tester5'),
    reseller: await signIn('admin:admin'),
    reader: await signIn('admin:reader'),
  };
  return {
    ...{ door, core, clock, keys, tokens },
    rows: ports.rows,
    ask: (method, path, ask = {}) => {
      // Time passes between requests, as it does for clients.
      clock.advance(1500);
      return send(door, method, path, { ...ask, token: ask.token ?? tokens.owner });
    },
  };
}

async function send(door: Door, method: string, target: string, ask: Ask): Promise<Answer> {
  const reply = await door.handle(requestOf(method, target, ask));
  const bytes = await collect(reply.body);
  const headers = new Map(reply.headers.map(([name, value]) => [name.toLowerCase(), value]));
  const declared = headers.get('content-length');
  if (reply.body !== undefined && declared !== undefined && Number(declared) !== bytes.length) {
    throw new Error(`declared ${declared} bytes, sent ${bytes.length}`);
  }
  return {
    status: reply.status,
    headers,
    names: reply.headers.map(([name]) => name),
    all: (name) =>
      reply.headers.filter(([one]) => one.toLowerCase() === name).map(([, value]) => value),
    bytes,
    text: bytes.toString('utf8'),
  };
}

function requestOf(method: string, target: string, ask: Ask): HttpRequest {
  const mark = target.indexOf('?');
  const body = Buffer.from(ask.body ?? '');
  const token = ask.token ?? '';
  const headers: Record<string, string> = {
    Host: '127.0.0.1:8080',
    ...(token === '' ? {} : { 'X-Auth-Token': token }),
    ...(ask.chunked === true ? { 'Transfer-Encoding': 'chunked' } : {}),
    ...ask.headers,
  };
  const lower = new Map(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
  const hasBody = ask.chunked !== true && !lower.has('transfer-encoding');
  return {
    method,
    path: mark < 0 ? target : target.slice(0, mark),
    query: mark < 0 ? '' : target.slice(mark + 1),
    header: (name) => lower.get(name),
    rawHeaders: Object.entries(headers).flat(),
    secure: false,
    remoteAddress: '127.0.0.1',
    signal: new AbortController().signal,
    contentLength: lengthOf(lower, hasBody, body.length),
    isChunked: ask.chunked === true,
    body: () => chunksOf(body),
  };
}

function lengthOf(
  headers: ReadonlyMap<string, string>,
  hasBody: boolean,
  length: number,
): number | undefined {
  const declared = headers.get('content-length');
  if (declared !== undefined) return declared === 'none' ? undefined : Number(declared);
  return hasBody ? length : undefined;
}

async function* chunksOf(body: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < body.length; at += 1000) {
    await Promise.resolve();
    yield new Uint8Array(body.subarray(at, at + 1000));
  }
}

async function collect(body: Uint8Array | AsyncIterable<Uint8Array> | undefined): Promise<Buffer> {
  if (body === undefined) return Buffer.alloc(0);
  if (body instanceof Uint8Array) return Buffer.from(body);
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

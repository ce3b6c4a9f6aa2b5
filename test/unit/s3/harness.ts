/** The S3 door over the real core on in-memory ports: requests and replies as values. */
import { InvariantError } from '../../../base/invariant.ts';
import { type Logger, silentLogger } from '../../../base/log.ts';
import type { AccessDialect } from '../../../server/core/access/rules.ts';
import type { Core, CoreLimits } from '../../../server/core/api.ts';
import { createCore } from '../../../server/core/core.ts';
import type { IdentityService } from '../../../server/core/identity.ts';
import { type UserDirectory, type UserEntry, directoryOf } from '../../../server/core/users.ts';
import type { Door, HttpRequest } from '../../../server/http/exchange.ts';
import { type NewBuckets, amazonsNewBuckets } from '../../../server/s3/acl/new-buckets.ts';
import { createS3Dialect } from '../../../server/s3/access/dialect.ts';
import { REAL_DAY_MILLIS } from '../../../server/core/lifecycle/due.ts';
import { swiftDialect } from '../../../server/swift/access/dialect.ts';
import { createS3Door } from '../../../server/s3/door.ts';
import { AccessLog } from '../../../server/s3/logging/access-log.ts';
import type { NotificationTargets } from '../../../server/s3/notification/targets.ts';
import type { MemoryBodies } from '../../memory/bodies.ts';
import { MemoryKeys } from '../../memory/keys.ts';
import type { ReplicationTargets } from '../../../server/s3/replication/targets.ts';
import { memoryLifecycle } from '../../memory/lifecycle.ts';
import { createMemoryPorts, ManualClock, seededRandom } from '../../memory/ports.ts';
import type { MemoryRows } from '../../memory/rows.ts';
import { type Key, type SignOptions, type Signed, type Unsigned, sign } from './signer.ts';

export interface Answer {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
  readonly bytes: Buffer;
  readonly text: string;
  /** Of an error document. */
  readonly code: string | undefined;
}

export const owner: Key = {
  accessKeyId: 'TORCOWNER00000000001',
  secretAccessKey: 'owner/secret+0000000000000000000000001',
};
export const other: Key = {
  accessKeyId: 'TORCOTHER00000000002',
  secretAccessKey: 'other/secret+0000000000000000000000002',
};
/** Amazon's own, of its documents' examples. */
export const example: Key = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
};

function user(account: string, key: Key): UserEntry {
  return {
    account,
    user: 'root',
    role: 'owner',
    s3: [key],
    canonicalId: `id-of-${account}`,
    displayName: account,
    email: `${account}@torc.test`,
  };
}

const entries = [user('AUTH_one', owner), user('AUTH_two', other), user('AUTH_doc', example)];

export const users: UserDirectory = directoryOf(entries);

/** An error in the log is a fault of the program: no request may cause one. */
const strictLogger: Logger = {
  ...silentLogger,
  error: (fields, sentence) => {
    throw new InvariantError(`${fields.event}: ${sentence} ${JSON.stringify(fields)}`);
  },
};

export interface Ask extends Omit<Unsigned, 'method' | 'path' | 'body'> {
  readonly body?: string | Uint8Array;
  readonly sign?: Partial<SignOptions>;
  /** No Content-Length. */
  readonly chunked?: boolean;
  readonly anonymous?: boolean;
}

export interface Harness {
  readonly door: Door;
  readonly core: Core;
  readonly clock: ManualClock;
  readonly rows: MemoryRows;
  readonly bodies: MemoryBodies;
  readonly accessLog: AccessLog;
  readonly keys: MemoryKeys;
  /** Does what lifecycle rules have due now. */
  readonly keepLifecycle: () => Promise<void>;
  /** `path` is decoded; signed by `owner` unless said otherwise. */
  readonly ask: (method: string, path: string, ask?: Ask) => Promise<Answer>;
  readonly send: (signed: Signed, chunked?: boolean) => Promise<Answer>;
}

export interface HarnessOptions {
  readonly region?: string;
  readonly regionAliases?: readonly string[];
  readonly honoursAbsentTags?: boolean;
  readonly countsInAttributes?: boolean;
  readonly now?: number;
  readonly virtualHostSuffixes?: readonly string[];
  readonly limits?: Partial<CoreLimits>;
  readonly maxFeedEvents?: number;
  readonly targets?: NotificationTargets;
  readonly replication?: ReplicationTargets;
  readonly customerKeysOverHttp?: 'loopback' | 'always' | 'never';
  readonly websiteSuffixes?: readonly string[];
  /** Who knows keys beside `users`. */
  readonly identity?: IdentityService;
  /** Permissions of a test's own. */
  readonly dialect?: AccessDialect;
  readonly newBuckets?: NewBuckets;
}

export function stampOf(millis: number): string {
  return new Date(millis).toISOString().replace(/[-:]|\.\d+/g, '');
}

export function createHarness(options: HarnessOptions = {}): Harness {
  const clock = new ManualClock(options.now);
  const random = seededRandom('s3');
  const classes = [
    { name: 'REDUCED_REDUNDANCY', policy: 'replica:3', isArchive: false },
    { name: 'STANDARD_IA', policy: 'ec:4+2', isArchive: false },
    { name: 'GLACIER', policy: 'replica:3', isArchive: true },
  ];
  const lifecycle = { dayMillis: REAL_DAY_MILLIS, classes };
  const ports = createMemoryPorts({
    ...{ clock, random, lifecycle },
    maxFeedEvents: options.maxFeedEvents,
  });
  // Small parts, so that a multipart object fits a test.
  const limits = { minPartBytes: 1000, ...options.limits };
  const keys = new MemoryKeys(seededRandom('keys'));
  const logger = silentLogger;
  const { dialect } = options;
  // Permissions of a test's own are meant to let in the world.
  const usualBuckets =
    dialect === undefined ? amazonsNewBuckets : { ...amazonsNewBuckets, blockPublicAccess: false };
  const dialects = [
    createS3Dialect(users),
    swiftDialect,
    ...(dialect === undefined ? [] : [dialect]),
  ];
  const core = createCore({
    ...ports,
    clock,
    random,
    logger,
    limits,
    storageClasses: classes,
    keys,
    dialects,
  });
  const { identity } = options;
  const { region = 'us-east-1', virtualHostSuffixes = [], newBuckets = usualBuckets } = options;
  const parts = { core, users, identity, region, clock, random, logger: strictLogger };
  const accessLog = new AccessLog({
    ...{ core, clock, random, logger },
    settings: { flushMillis: 3_600_000, batchBytes: 10_000, totalBytes: 100_000 },
  });
  const door = createS3Door({
    ...parts,
    virtualHostSuffixes,
    customerKeysOverHttp: options.customerKeysOverHttp ?? 'loopback',
    regionAliases: options.regionAliases ?? [],
    honoursAbsentTags: options.honoursAbsentTags ?? false,
    countsInAttributes: options.countsInAttributes ?? false,
    targets: options.targets,
    replication: options.replication,
    websiteSuffixes: options.websiteSuffixes ?? [],
    accessLog,
    newBuckets,
  });
  const { run: keepLifecycle } = memoryLifecycle({ ...ports, clock, context: lifecycle });
  return {
    keepLifecycle,
    door,
    core,
    rows: ports.rows,
    bodies: ports.bodies,
    accessLog,
    clock,
    keys,
    send: (signed, chunked = false) => send(door, signed, chunked),
    ask: (method, path, ask = {}) => {
      // Time passes between requests, as it does for clients.
      clock.advance(1500);
      const { sign: how, chunked = false, anonymous = false, body, ...rest } = ask;
      const bytes = Buffer.from(body ?? '');
      const stamp = stampOf(clock.now());
      const request = { method, path, ...rest, body: bytes };
      const signed = sign(request, { key: owner, stamp, region, ...how });
      if (!anonymous) return send(door, signed, chunked);
      const headers = { host: 'localhost:8080', ...rest.headers };
      return send(door, { ...signed, headers }, chunked);
    },
  };
}

async function send(door: Door, signed: Signed, chunked: boolean): Promise<Answer> {
  const reply = await door.handle(requestOf(signed, chunked));
  const pieces: Uint8Array[] = [];
  if (reply.body instanceof Uint8Array) pieces.push(reply.body);
  else if (reply.body !== undefined) for await (const piece of reply.body) pieces.push(piece);
  const bytes = Buffer.concat(pieces);
  const headers = new Map(reply.headers.map(([name, value]) => [name.toLowerCase(), value]));
  reply.done?.({ bytesOut: bytes.length, millis: 7 });
  const declared = headers.get('content-length');
  if (reply.body !== undefined && declared !== undefined && Number(declared) !== bytes.length) {
    throw new Error(`declared ${declared} bytes, sent ${bytes.length}`);
  }
  const text = bytes.toString('utf8');
  const code = /<Error><Code>([\w.]+)<\/Code>/.exec(text)?.[1];
  return { status: reply.status, headers, bytes, text, code };
}

export function requestOf(signed: Signed, chunked: boolean): HttpRequest {
  const { body } = signed;
  const lower = new Map(
    Object.entries(signed.headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
  const hasBody = body.length > 0 || signed.method === 'PUT' || signed.method === 'POST';
  return {
    method: signed.method,
    path: signed.path,
    query: signed.query,
    header: (name) => lower.get(name),
    rawHeaders: Object.entries(signed.headers).flat(),
    secure: false,
    remoteAddress: '127.0.0.1',
    signal: new AbortController().signal,
    contentLength: chunked || !hasBody ? undefined : body.length,
    isChunked: chunked,
    body: async function* () {
      // In odd pieces: framing must not depend on them.
      for (let at = 0; at < body.length; at += 4999) {
        yield await Promise.resolve(Uint8Array.from(body.subarray(at, at + 4999)));
      }
    },
  };
}

/** Texts of every element of this name. */
export function all(xml: string, name: string): string[] {
  return [...xml.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, 'g'))].map(
    (match) => match[1] ?? '',
  );
}

export function one(xml: string, name: string): string | undefined {
  return all(xml, name)[0];
}

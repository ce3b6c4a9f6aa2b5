/** Both doors over one core in memory. */
import { silentLogger } from '../../../base/log.ts';
import { createCore } from '../../../server/core/core.ts';
import { directoryOf } from '../../../server/core/users.ts';
import type { Door, HttpReply, HttpRequest } from '../../../server/http/exchange.ts';
import { createS3Dialect } from '../../../server/s3/access/dialect.ts';
import { createS3Door } from '../../../server/s3/door.ts';
import { swiftDialect } from '../../../server/swift/access/dialect.ts';
import { createSwiftDoor } from '../../../server/swift/door.ts';
import { defaultSwiftSettings } from '../../../server/swift/settings.ts';
import { MemoryKeys } from '../../memory/keys.ts';
import { ManualClock, createMemoryPorts, seededRandom } from '../../memory/ports.ts';
import { requestOf, stampOf } from '../s3/harness.ts';
import { sign } from '../s3/signer.ts';

export type Who = 'owner' | 'member' | 'other' | 'nobody';

export interface Answer {
  readonly status: number;
  readonly text: string;
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
}

export interface DoorsOptions {
  readonly blockPublicAccess?: boolean;
  readonly encryptAll?: boolean;
}

export interface Doors {
  readonly s3: (who: Who, method: string, path: string, more?: More) => Promise<Answer>;
  /** The path begins below the account of `owner`. */
  readonly swift: (who: Who, method: string, path: string, more?: More) => Promise<Answer>;
}
export interface More {
  readonly query?: Record<string, string>;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

const entries = (
  [
    ['owner', 'one', 'owner'],
    ['member', 'one', 'member'],
    ['other', 'two', 'owner'],
  ] as const
).map(([user, account, role]) => ({
  ...{ account: `AUTH_${account}`, user, role },
  swift: { login: `${account}:${user}`, key: user },
  s3: [{ accessKeyId: user, secretAccessKey: `secret-of-${user}` }],
  ...{ canonicalId: `id-of-${account}`, displayName: account },
}));
const users = directoryOf(entries);

function swiftRequest(method: string, path: string, more: More): HttpRequest {
  const { query = {}, headers = {}, body = '' } = more;
  return requestOf(
    {
      ...{ method, path, query: new URLSearchParams(query).toString() },
      ...{ headers: { host: 'localhost', ...headers }, body: Buffer.from(body) },
    },
    false,
  );
}

export async function createDoors(options: DoorsOptions = {}): Promise<Doors> {
  const { blockPublicAccess = false, encryptAll = false } = options;
  const keys = new MemoryKeys(seededRandom('keys'));
  keys.encryptAll = encryptAll;
  const clock = new ManualClock();
  const random = seededRandom('doors');
  const ports = createMemoryPorts({ clock, random });
  const logger = silentLogger;
  const dialects = [createS3Dialect(users), swiftDialect];
  // Small parts, so that a multipart object fits a test.
  const limits = { minPartBytes: 5 };
  const core = createCore({ ...ports, clock, random, logger, dialects, limits, keys });
  const parts = { core, users, clock, random, logger };
  const newBuckets = { ownership: 'ObjectWriter', blockPublicAccess } as const;
  const s3 = createS3Door({ ...parts, region: 'us-east-1', newBuckets });
  const tokenSecret = new Uint8Array(32).fill(9);
  const swift = createSwiftDoor({
    ...{ ...parts, tokenSecret, version: '1' },
    settings: defaultSwiftSettings,
  });
  const send = async (door: Door, request: HttpRequest): Promise<HttpReply> => {
    clock.advance(1500);
    return door.handle(request);
  };
  const tokens = new Map<string, string>();
  for (const { user, swift: account } of entries) {
    const headers = { 'X-Auth-User': account.login, 'X-Auth-Key': account.key };
    const reply = await send(swift, swiftRequest('GET', '/auth/v1.0', { headers }));
    const token = reply.headers.find(([name]) => name === 'X-Auth-Token');
    tokens.set(user, token?.[1] ?? '');
  }
  return {
    s3: async (who, method, path, more = {}) => {
      const key = { accessKeyId: who, secretAccessKey: `secret-of-${who}` };
      const body = Buffer.from(more.body ?? '');
      const signed = sign(
        { method, path, ...more, body },
        { key, stamp: stampOf(clock.now() + 1500) },
      );
      const headers = { host: 'localhost:8080', ...more.headers };
      const asked = who === 'nobody' ? { ...signed, headers } : signed;
      return answerOf(await send(s3, requestOf(asked, false)));
    },
    swift: async (who, method, path, more = {}) => {
      const token = tokens.get(who);
      const headers = {
        ...(token === undefined ? {} : { 'X-Auth-Token': token }),
        ...more.headers,
      };
      const request = swiftRequest(method, `/v1/AUTH_one${path}`, { ...more, headers });
      return answerOf(await send(swift, request));
    },
  };
}

async function answerOf({ status, headers, body }: HttpReply): Promise<Answer> {
  const pieces: Uint8Array[] = [];
  if (body instanceof Uint8Array) pieces.push(body);
  else if (body !== undefined) for await (const piece of body) pieces.push(piece);
  return {
    status,
    text: Buffer.concat(pieces).toString('utf8'),
    headers: new Map(headers.map(([name, value]) => [name.toLowerCase(), value])),
  };
}

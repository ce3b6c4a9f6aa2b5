/** As much of Keystone's v3 as Torc asks, over HTTP: users, tokens, EC2 keys. Counts what it is asked. */
import { createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Named {
  readonly id: string;
  readonly name: string;
  readonly domain: { readonly id: string; readonly name: string };
}

export interface FakeToken {
  readonly user: Named;
  readonly project: Named | undefined;
  readonly roles: readonly string[];
  /** Milliseconds since 1970. */
  expiresAt: number;
}

export interface FakeKeystone {
  readonly url: string;
  readonly tokens: Map<string, FakeToken>;
  readonly keys: Map<string, { readonly secret: string; readonly token: FakeToken }>;
  /** `METHOD path` of every request. */
  readonly asked: string[];
  /** Answers everything with this status while it is set. */
  failWith: number | undefined;
  /** Forgets the tokens that it gave to our own user. */
  forgetSessions(): void;
  close(): Promise<void>;
}

export const serviceUser = {
  name: 'torc',
  password: 'secret',
  domainId: 'default',
  projectName: 'service',
  projectDomainId: 'default',
} as const;

export function inDomain(id: string, name: string, domain = 'default'): Named {
  return { id, name, domain: { id: domain, name: domain } };
}

export async function startFakeKeystone(now: () => number): Promise<FakeKeystone> {
  const sessions = new Set<string>();
  let signIns = 0;
  const server = createServer((request, response) => {
    void answer(request, response);
  });
  const fake: FakeKeystone = {
    url: '',
    tokens: new Map(),
    keys: new Map(),
    asked: [],
    failWith: undefined,
    forgetSessions: () => sessions.clear(),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = chunks.length === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString());
    const path = (request.url ?? '').replace(/\?.*/, '');
    fake.asked.push(`${request.method} ${path}`);
    const reply = (status: number, json: unknown, headers: Record<string, string> = {}): void => {
      response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
      response.end(JSON.stringify(json));
    };
    if (fake.failWith !== undefined) return reply(fake.failWith, {});
    if (request.method === 'POST' && path === '/v3/auth/tokens') {
      const { user } = body.auth.identity.password;
      if (user.name !== serviceUser.name || user.password !== serviceUser.password) {
        return reply(401, {});
      }
      const token = `session-${signIns++}`;
      sessions.add(token);
      const own = {
        user: inDomain('torc-id', 'torc'),
        project: inDomain('service-id', 'service'),
        roles: ['admin'],
        expiresAt: now() + 3_600_000,
      };
      return reply(201, describe(own), { 'X-Subject-Token': token });
    }
    if (!sessions.has(String(request.headers['x-auth-token']))) return reply(401, {});
    if (request.method === 'GET' && path === '/v3/auth/tokens') {
      const found = fake.tokens.get(String(request.headers['x-subject-token']));
      if (found === undefined || found.expiresAt <= now()) return reply(404, {});
      return reply(200, describe(found));
    }
    if (request.method === 'POST' && path === '/v3/s3tokens') {
      const { access, token, signature } = body.credentials;
      const key = fake.keys.get(access);
      // Python's decoder fails without padding, and Keystone with it.
      if (token.length % 4 !== 0 || /[+/]/.test(token)) return reply(500, {});
      const text = Buffer.from(token, 'base64url').toString();
      if (key === undefined || signatureOf(key.secret, text) !== signature) return reply(401, {});
      return reply(200, describe(key.token));
    }
    const [, access = ''] = /^\/v3\/users\/[^/]+\/credentials\/OS-EC2\/(.+)$/.exec(path) ?? [];
    const key = fake.keys.get(access);
    if (key === undefined) return reply(404, {});
    return reply(200, { credential: { access, secret: key.secret } });
  }

  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return Object.assign(fake, { url: `http://127.0.0.1:${port}` });
}

/** As Keystone computes it from the string to sign of Version 4. */
export function signatureOf(secret: string, stringToSign: string): string {
  const [, , scope = ''] = stringToSign.split('\n');
  const [date = '', region = '', service = ''] = scope.split('/');
  const hmac = (key: string | Buffer, text: string): Buffer =>
    createHmac('sha256', key).update(text).digest();
  const keyed = hmac(hmac(hmac(`AWS4${secret}`, date), region), service);
  return hmac(hmac(keyed, 'aws4_request'), stringToSign).toString('hex');
}

function describe({ user, project, roles, expiresAt }: FakeToken): unknown {
  const named = roles.map((name) => ({ id: `${name}-id`, name }));
  const expires_at = new Date(expiresAt).toISOString().replace('Z', '000Z');
  return {
    token: { methods: ['password'], user, project, roles: named, expires_at, audit_ids: ['x'] },
  };
}

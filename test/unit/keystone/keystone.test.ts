import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { IdentityService } from '../../../server/core/identity.ts';
import { silentLogger } from '../../../base/log.ts';
import { keystoneSchema } from '../../../server/config/keystone.ts';
import { createKeystone } from '../../../server/keystone/keystone.ts';
import { ManualClock } from '../../memory/ports.ts';
import {
  type FakeKeystone,
  type FakeToken,
  inDomain,
  serviceUser,
  signatureOf,
  startFakeKeystone,
} from './fake-keystone.ts';

let clock: ManualClock;
let fake: FakeKeystone;
let keystone: IdentityService;
let logged: string[];
const note = ({ event }: { event: string }): void => void logged.push(event);
const log = { ...silentLogger, info: note, warn: note };

function connect(more: Readonly<Record<string, unknown>> = {}): IdentityService {
  const settings = keystoneSchema.parse({ url: `${fake.url}/v3/`, user: serviceUser, ...more });
  return createKeystone(settings, clock, log);
}

function token(more: Partial<FakeToken> = {}): FakeToken {
  return {
    user: inDomain('u1', 'alice'),
    project: inDomain('p1', 'demo'),
    roles: ['Member'],
    expiresAt: clock.now() + 3_600_000,
    ...more,
  };
}

beforeEach(async () => {
  clock = new ManualClock();
  logged = [];
  fake = await startFakeKeystone(() => clock.now());
  keystone = connect();
});

afterEach(() => fake.close());

const validations = (): number => fake.asked.filter((one) => one === 'GET /v3/auth/tokens').length;

describe('a token', () => {
  it('is asked about once in five minutes, and never believed past its end', async () => {
    fake.tokens.set('t', token({ expiresAt: clock.now() + 400_000 }));
    const both = [keystone.principalOf('t', undefined), keystone.principalOf('t', undefined)];
    for (const principal of await Promise.all(both)) {
      expect(principal).toMatchObject({ type: 'user', account: 'AUTH_p1', user: 'u1' });
    }
    expect(validations()).toBe(1);
    clock.advance(299_000);
    await keystone.principalOf('t', undefined);
    expect(validations()).toBe(1);
    clock.advance(2_000);
    await keystone.principalOf('t', undefined);
    expect(validations()).toBe(2);
    clock.advance(100_000);
    expect(await keystone.principalOf('t', undefined)).toBeUndefined();
  });

  it('that Keystone does not know is nobody’s, and is not asked about again at once', async () => {
    for (let i = 0; i < 2; i++) expect(await keystone.principalOf('x', undefined)).toBeUndefined();
    expect(validations()).toBe(1);
    for (const odd of ['', 'a b', 'ä', 'x'.repeat(10_000)]) {
      expect(await keystone.principalOf(odd, undefined)).toBeUndefined();
    }
    expect(validations()).toBe(1);
  });

  it('is still good while Keystone is away; others cannot be judged', async () => {
    fake.tokens.set('t', token());
    await keystone.principalOf('t', undefined);
    fake.failWith = 503;
    expect(await keystone.principalOf('t', undefined)).toBeDefined();
    await expect(keystone.principalOf('u', undefined)).rejects.toMatchObject({
      kind: 'unavailable',
    });
    expect(logged).toEqual(['keystone.away']);
    fake.failWith = undefined;
    expect(await keystone.principalOf('u', undefined)).toBeUndefined();
    expect(logged).toEqual(['keystone.away', 'keystone.back']);
    await fake.close();
    expect(await keystone.principalOf('t', undefined)).toBeDefined();
    await expect(keystone.principalOf('v', undefined)).rejects.toMatchObject({
      kind: 'unavailable',
    });
  });

  it('is validated by a user of our own, who signs in again when he must', async () => {
    fake.tokens.set('t', token()).set('u', token());
    await keystone.principalOf('t', undefined);
    fake.forgetSessions();
    expect(await keystone.principalOf('u', undefined)).toBeDefined();
    expect(fake.asked.filter((one) => one === 'POST /v3/auth/tokens')).toHaveLength(2);
    const wrong = connect({ user: { ...serviceUser, password: 'no' } });
    await expect(wrong.principalOf('t', undefined)).rejects.toMatchObject({ kind: 'unavailable' });
  });

  it('opens nothing without a project', async () => {
    fake.tokens.set('t', token({ project: undefined, roles: ['admin'] }));
    const principal = await keystone.principalOf('t', undefined);
    expect(principal).toMatchObject({ account: '', role: 'member', owns: [] });
  });
});

describe('roles', () => {
  it('own the account of the project, and with a service token that of the service', async () => {
    keystone = connect({
      accounts: [{ prefix: 'AUTH_' }, { prefix: 'SERVICE_', serviceRoles: ['Service'] }],
    });
    fake.tokens.set('t', token({ roles: ['SwiftOperator'] }));
    fake.tokens.set('s', token({ roles: ['service'] }));
    expect(await keystone.principalOf('t', undefined)).toMatchObject({
      role: 'owner',
      owns: ['AUTH_p1'],
    });
    expect(await keystone.principalOf('t', 's')).toMatchObject({
      owns: ['AUTH_p1', 'SERVICE_p1'],
    });
    expect(await keystone.principalOf('t', 'nonsense')).toBeUndefined();
    fake.tokens.set('m', token());
    expect(await keystone.principalOf('m', 's')).toMatchObject({ role: 'member', owns: [] });
  });

  it('may be those of resellers and readers', async () => {
    keystone = connect({
      accounts: [{ prefix: 'AUTH_', readerRoles: ['reader'] }],
      systemReaderRoles: ['auditor'],
    });
    fake.tokens.set('reseller', token({ roles: ['ResellerAdmin'] }));
    fake.tokens.set('reader', token({ roles: ['reader'] }));
    fake.tokens.set('auditor', token({ roles: ['auditor', 'admin'] }));
    expect(await keystone.principalOf('reseller', undefined)).toMatchObject({ role: 'reseller' });
    expect(await keystone.principalOf('reader', undefined)).toMatchObject({
      role: 'member',
      reads: ['AUTH_p1'],
    });
    expect(await keystone.principalOf('auditor', undefined)).toMatchObject({
      role: 'owner',
      reads: 'all',
    });
  });

  it('and names are what ACLs may mean, names only within the default domain', async () => {
    fake.tokens.set('t', token());
    const principal = await keystone.principalOf('t', undefined);
    expect(principal?.names).toEqual(['group:p1:u1', 'group:p1:*', 'group:*:u1', 'group:*:*']);
    expect(principal?.namesAtHome).toEqual(['group:member', 'group:Member']);
    expect(principal?.namesInDomain?.domain).toBe('default');
    expect(principal?.namesInDomain?.names).toContain('group:demo:alice');
    expect(principal?.namesInDomain?.names).toContain('group:demo:u1');
    fake.tokens.set('o', token({ user: inDomain('u2', 'alice', 'other') }));
    const other = await keystone.principalOf('o', undefined);
    expect(other?.names).toContain('group:p1:u2');
    expect(other?.namesInDomain).toBeUndefined();
    const strict = connect({ namesInAcls: false });
    expect((await strict.principalOf('t', undefined))?.namesInDomain).toBeUndefined();
  });
});

describe('a key of EC2', () => {
  const stringToSign =
    'AWS4-HMAC-SHA256\n20260101T000000Z\n20260101/us-east-1/s3/aws4_request\nabc';

  it('is learned by a proof that Keystone checks, and forgotten after five minutes', async () => {
    fake.keys.set('ak', { secret: 'sk', token: token({ roles: ['admin'] }) });
    const proof = { accessKeyId: 'ak', stringToSign, signature: signatureOf('sk', stringToSign) };
    expect(keystone.keyOf('ak')).toBeUndefined();
    expect(await keystone.learnKey({ ...proof, signature: 'f'.repeat(64) })).toBe(false);
    expect(await keystone.learnKey({ ...proof, accessKeyId: 'none' })).toBe(false);
    expect(keystone.keyOf('ak')).toBeUndefined();
    expect(await keystone.learnKey(proof)).toBe(true);
    const known = keystone.keyOf('ak');
    expect(known?.secretAccessKey).toBe('sk');
    expect(known?.principal).toMatchObject({ account: 'AUTH_p1', user: 'u1', role: 'owner' });
    fake.failWith = 500;
    expect(keystone.keyOf('ak')).toBeDefined();
    await expect(keystone.learnKey(proof)).rejects.toMatchObject({ kind: 'unavailable' });
    clock.advance(301_000);
    expect(keystone.keyOf('ak')).toBeUndefined();
  });
});

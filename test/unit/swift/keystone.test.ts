import { describe, expect, it } from 'vitest';
import { StoreError } from '../../../base/errors.ts';
import type { Principal } from '../../../server/core/api.ts';
import type { IdentityService } from '../../../server/core/identity.ts';
import { createHarness, type Harness } from './harness.ts';

const owner: Principal = {
  ...{ type: 'user', account: 'AUTH_p1', user: 'u1', role: 'owner' },
  ...{ owns: ['AUTH_p1'], homes: ['AUTH_p1'], names: [], domain: 'default' },
};

/** Knows two tokens; `gone` is asked about while Keystone is away. */
const identity: IdentityService = {
  challenge: 'Keystone uri="http://keystone"',
  principalOf: async (token, serviceToken) => {
    await Promise.resolve();
    if (token === 'gone') throw new StoreError('unavailable', 'test', 'away');
    if (token !== 'good' || serviceToken === 'bad') return undefined;
    return serviceToken === 'service' ? { ...owner, owns: ['AUTH_p1', 'SERVICE_p1'] } : owner;
  },
  keyOf: () => undefined,
  learnKey: async () => false,
};

async function withKeystone(): Promise<Harness> {
  return createHarness({ identity });
}

describe('tokens of Keystone', () => {
  it('open the account of their project, beside our own tokens', async () => {
    const { ask } = await withKeystone();
    expect((await ask('PUT', '/v1/AUTH_p1/c', { token: 'good' })).status).toBe(201);
    expect((await ask('PUT', '/v1/AUTH_p2/c', { token: 'good' })).status).toBe(403);
    expect((await ask('PUT', '/v1/AUTH_test/c')).status).toBe(201);
    const byStorageToken = { token: '', headers: { 'X-Storage-Token': 'good' } };
    expect((await ask('GET', '/v1/AUTH_p1', byStorageToken)).status).toBe(200);
  });

  it('note the domain of the project in the account that they make', async () => {
    const { ask } = await withKeystone();
    const domainOf = async (account: string): Promise<string | undefined> =>
      (await ask('HEAD', `/v1/${account}`, { token: 'good' })).headers.get(
        'x-account-project-domain-id',
      );
    expect(await domainOf('AUTH_p1')).toBeUndefined();
    await ask('PUT', '/v1/AUTH_p1/c', { token: 'good' });
    expect(await domainOf('AUTH_p1')).toBe('default');
    await ask('POST', '/v1/AUTH_p1', { token: 'good', headers: { 'X-Account-Meta-A': 'b' } });
    expect(await domainOf('AUTH_p1')).toBe('default');
  });

  it('that are not valid make a stranger, who is told where to go', async () => {
    const { ask } = await withKeystone();
    const answer = await ask('GET', '/v1/AUTH_p1', { token: 'expired' });
    expect(answer.status).toBe(401);
    const challenges = answer.all('www-authenticate');
    expect(challenges).toEqual(['Swift realm="AUTH_p1"', identity.challenge]);
    const forged = await ask('GET', '/v1/AUTH_test', { token: 'AUTH_tkforged' });
    expect(forged.status).toBe(401);
  });

  it('that cannot be judged are 503', async () => {
    const { ask } = await withKeystone();
    expect((await ask('GET', '/v1/AUTH_p1', { token: 'gone' })).status).toBe(503);
    expect((await ask('GET', '/info', { token: 'gone' })).status).toBe(200);
  });

  it('open accounts of services with a service token beside them', async () => {
    const { ask } = await withKeystone();
    const put = async (headers: Readonly<Record<string, string>>): Promise<number> =>
      (await ask('PUT', '/v1/SERVICE_p1/c', { token: 'good', headers })).status;
    expect(await put({})).toBe(403);
    expect(await put({ 'X-Service-Token': 'service' })).toBe(201);
    expect(await put({ 'X-Service-Token': 'bad' })).toBe(401);
  });
});

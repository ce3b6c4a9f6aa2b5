/**
 * Clients of OpenStack, by their real packages, against a Torc that asks a real Keystone. Whatever can not be
 * installed fails these tests: a client that was not tried is not known to work.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cloud, member, owner } from './cloud.ts';
import { installPackages } from './packages.ts';

const cloud = new Cloud({
  sdk: owner('sdk'),
  cli: owner('cli'),
  client: owner('client'),
  keys: owner('keys'),
  alice: member('alice', 'demo'),
  bob: member('bob', 'other'),
  carol: member('carol', 'demo', { roles: ['reader'] }),
  dave: member('dave', 'demo', { roles: ['helper'] }),
  erin: member('erin', 'elsewhere', { domain: 'branch' }),
  audit: member('audit', 'audit', { roles: ['system_reader'] }),
  boss: member('boss', 'operators', { roles: ['ResellerAdmin'] }),
  glance: member('glance', 'service', { roles: ['service'] }),
});
beforeAll(async () => {
  installPackages('core');
  await cloud.start();
}, 900_000);
afterAll(() => cloud.remove());

/** Each suite prints what held; the names are what must have. */
const suites = [
  [
    'access',
    [
      'strangers',
      'ACLs of projects and users',
      'ACLs across domains',
      'ACLs of roles',
      'readers of a project and of all',
      'ResellerAdmin',
      'public containers',
      'service tokens',
    ],
  ],
  [
    'keys',
    [
      'buckets and objects',
      'both doors',
      'uploads in parts, chunks, presigned URLs',
      'strangers, wrong secrets, unknown keys, users without a role that owns',
    ],
  ],
  [
    'client',
    [
      'large objects',
      'parts leave with their objects',
      'versions',
      'a tree is uploaded, listed and deleted',
      'info, metadata, TempURLs',
      'everything is deleted',
    ],
  ],
  ['sdk', ['containers', 'objects', 'large objects', 'TempURLs', 'deletion']],
  ['cli', ['containers', 'objects', 'account and deletion']],
] as const;

describe.each(suites)('%s', (name, checks) => {
  it(checks.join(', '), { timeout: 300_000 }, async () => {
    expect(await cloud.suite(name)).toEqual(checks);
  });
});

describe('Keystone', () => {
  const statusOf = async (token: string): Promise<number> => {
    const url = cloud.accountUrl('alice');
    const response = await fetch(url, { method: 'HEAD', headers: { 'X-Auth-Token': token } });
    return response.status;
  };

  it('is asked once about a token, is missed only by who must be asked about, and is found again', {
    timeout: 300_000,
  }, async () => {
    const known = await cloud.tokenOf('alice');
    const revoked = await cloud.tokenOf('alice');
    const later = await cloud.tokenOf('alice');
    expect(await statusOf(known)).toBe(204);
    await cloud.keystone.revoke(revoked);
    expect(await statusOf(revoked)).toBe(401);
    await cloud.keystone.pause();
    expect(await statusOf(known)).toBe(204);
    expect(await statusOf(later)).toBe(503);
    // What needs no user needs no Keystone.
    expect((await fetch(`${cloud.torc.httpUrl}/info`)).status).toBe(200);
    expect((await fetch(cloud.accountUrl('alice'))).status).toBe(401);
    await cloud.keystone.resume();
    expect(await statusOf(later)).toBe(204);
    expect(cloud.torc.printed).toContain('keystone.away');
  });
});

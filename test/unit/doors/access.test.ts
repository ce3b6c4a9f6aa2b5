/** Rules set through one door hold in the other: both are judged by the same statements. */
import { describe, expect, test } from 'vitest';
import { createDoors, type More, type Who } from './doors.ts';

interface Doors {
  /** Status. */
  readonly s3: (who: Who, method: string, path: string, more?: More) => Promise<number>;
  readonly swift: (who: Who, method: string, path: string, more?: More) => Promise<number>;
}

const policy = (
  effect: string,
  principal: unknown,
  action: unknown,
  condition: object = {},
): string =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      {
        ...{ Effect: effect, Principal: principal, Action: action, Condition: condition },
        Resource: ['arn:aws:s3:::box', 'arn:aws:s3:::box/*'],
      },
    ],
  });

async function withObject(blockPublicAccess = false): Promise<Doors> {
  const { s3, swift } = await createDoors({ blockPublicAccess });
  const doors: Doors = {
    s3: async (...asked) => (await s3(...asked)).status,
    swift: async (...asked) => (await swift(...asked)).status,
  };
  expect(await doors.s3('owner', 'PUT', '/box')).toBe(200);
  expect(await doors.s3('owner', 'PUT', '/box/k', { body: 'k' })).toBe(200);
  return doors;
}

const setPolicy = ({ s3 }: Doors, text: string): Promise<number> =>
  s3('owner', 'PUT', '/box', { query: { policy: '' }, body: text });
const setAcl = ({ swift }: Doors, headers: Record<string, string>): Promise<number> =>
  swift('owner', 'POST', '/box', { headers });

describe('policies of S3 in Swift', () => {
  test('let in, and shut out', async () => {
    const doors = await withObject();
    const { swift } = doors;
    expect(await swift('nobody', 'GET', '/box/k')).toBe(401);
    await setPolicy(doors, policy('Allow', '*', ['s3:GetObject', 's3:ListBucket']));
    expect(await swift('nobody', 'GET', '/box/k')).toBe(200);
    expect(await swift('nobody', 'GET', '/box')).toBe(200);
    expect(await swift('nobody', 'PUT', '/box/k', { body: 'x' })).toBe(401);
    expect(await swift('other', 'DELETE', '/box/k')).toBe(403);
    await setPolicy(doors, policy('Deny', '*', 's3:GetObject'));
    expect(await swift('owner', 'GET', '/box/k')).toBe(403);
    expect(await swift('owner', 'POST', '/box/k')).toBe(202);
  });

  test('name members, and ask about requests of this door', async () => {
    const doors = await withObject();
    const { swift, s3 } = doors;
    const member = { AWS: 'arn:aws:iam::one:user/member' };
    const near = { IpAddress: { 'aws:SourceIp': '127.0.0.0/8' } };
    await setPolicy(doors, policy('Allow', member, ['s3:GetObject', 's3:PutObject'], near));
    expect(await swift('member', 'GET', '/box/k')).toBe(200);
    expect(await swift('member', 'PUT', '/box/m', { body: 'x' })).toBe(201);
    expect(await s3('member', 'GET', '/box/k')).toBe(200);
    expect(await swift('member', 'GET', '/box')).toBe(403);
    // A condition that only S3 has words for does not hold here, so what it grants is not granted.
    const list = { StringEquals: { 's3:x-amz-acl': 'private' } };
    await setPolicy(doors, policy('Allow', member, 's3:PutObject', list));
    expect(await swift('member', 'PUT', '/box/m', { body: 'x' })).toBe(403);
    // And what it denies unless it holds, is denied.
    const sealed = { StringNotEquals: { 's3:x-amz-server-side-encryption': 'AES256' } };
    await setPolicy(doors, policy('Deny', '*', 's3:PutObject', sealed));
    expect(await swift('owner', 'PUT', '/box/m', { body: 'x' })).toBe(403);
  });

  test('lists, too', async () => {
    const doors = await withObject();
    const { s3, swift } = doors;
    const acl = (name: string): Record<string, string> => ({ 'x-amz-acl': name });
    await s3('owner', 'PUT', '/box', { query: { acl: '' }, headers: acl('public-read-write') });
    expect(await swift('nobody', 'GET', '/box')).toBe(200);
    expect(await swift('nobody', 'GET', '/box/k')).toBe(401);
    await s3('owner', 'PUT', '/box/k', { query: { acl: '' }, headers: acl('authenticated-read') });
    expect(await swift('other', 'GET', '/box/k')).toBe(200);
    expect(await swift('nobody', 'GET', '/box/k')).toBe(401);
    // What another account writes by S3 is its own; the owner of the bucket may delete it.
    await s3('other', 'PUT', '/box/theirs', { body: 'x' });
    expect(await swift('owner', 'GET', '/box/theirs')).toBe(403);
    expect(await swift('other', 'GET', '/box/theirs')).toBe(200);
    expect(await swift('owner', 'DELETE', '/box/theirs')).toBe(204);
  });
});

describe('ACLs of Swift in S3', () => {
  test('let in users, accounts and the world', async () => {
    const doors = await withObject();
    const { s3 } = doors;
    expect(await setAcl(doors, { 'X-Container-Read': 'one:member' })).toBe(204);
    expect(await s3('member', 'GET', '/box/k')).toBe(200);
    expect(await s3('member', 'GET', '/box')).toBe(200);
    expect(await s3('member', 'PUT', '/box/m', { body: 'x' })).toBe(403);
    expect(await s3('other', 'GET', '/box/k')).toBe(403);
    await setAcl(doors, { 'X-Container-Read': '.r:*', 'X-Container-Write': 'two' });
    expect(await s3('nobody', 'GET', '/box/k')).toBe(200);
    expect(await s3('nobody', 'GET', '/box')).toBe(403);
    expect(await s3('nobody', 'GET', '/box/none')).toBe(403);
    expect(await s3('other', 'PUT', '/box/k', { body: 'x' })).toBe(200);
    await setAcl(doors, { 'X-Container-Read': '.r:.page.test,.rlistings' });
    const headers = { referer: 'http://www.page.test/' };
    expect(await s3('nobody', 'GET', '/box', { headers })).toBe(200);
    expect(await s3('nobody', 'GET', '/box')).toBe(403);
  });

  test('a list of S3 is neither shown nor set beside them', async () => {
    const doors = await withObject();
    await setAcl(doors, { 'X-Container-Read': '.r:*' });
    const query = { acl: '' };
    expect(await doors.s3('owner', 'GET', '/box', { query })).toBe(501);
    const headers = { 'x-amz-acl': 'private' };
    expect(await doors.s3('owner', 'PUT', '/box', { query, headers })).toBe(501);
  });

  test('account ACLs hold for buckets', async () => {
    const { s3, swift } = await withObject();
    const headers = { 'X-Account-Access-Control': '{"read-only":["two:other"]}' };
    expect(await swift('owner', 'POST', '', { headers })).toBe(204);
    expect(await s3('other', 'GET', '/box/k')).toBe(200);
    expect(await s3('other', 'PUT', '/box/k', { body: 'x' })).toBe(403);
    expect(await s3('other', 'GET', '/box', { query: { policy: '' } })).toBe(403);
    const admin = { 'X-Account-Access-Control': '{"admin":["two:other"]}' };
    await swift('owner', 'POST', '', { headers: admin });
    expect(await s3('other', 'PUT', '/box/k', { body: 'x' })).toBe(200);
  });
});

describe('public access block', () => {
  test('of a bucket shuts public ACLs of Swift, and refuses new ones', async () => {
    const doors = await withObject(true);
    expect(await setAcl(doors, { 'X-Container-Read': '.r:*' })).toBe(403);
    expect(await setAcl(doors, { 'X-Container-Read': 'two' })).toBe(204);
    const query = { publicAccessBlock: '' };
    await doors.s3('owner', 'DELETE', '/box', { query });
    expect(await setAcl(doors, { 'X-Container-Read': '.r:*,two' })).toBe(204);
    expect(await doors.swift('nobody', 'GET', '/box/k')).toBe(200);
    const body =
      '<PublicAccessBlockConfiguration><IgnorePublicAcls>true</IgnorePublicAcls></PublicAccessBlockConfiguration>';
    expect(await doors.s3('owner', 'PUT', '/box', { query, body })).toBe(200);
    expect(await doors.swift('nobody', 'GET', '/box/k')).toBe(401);
    expect(await doors.swift('other', 'GET', '/box/k')).toBe(200);
  });

  test('of an account holds for containers of both doors', async () => {
    const doors = await withObject();
    expect(await doors.swift('owner', 'PUT', '/made')).toBe(201);
    const headers = { 'x-amz-account-id': 'one' };
    const body =
      '<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls><BlockPublicPolicy>TRUE</BlockPublicPolicy></PublicAccessBlockConfiguration>';
    const path = '/v20180820/configuration/publicAccessBlock';
    expect(await doors.s3('owner', 'PUT', path, { headers, body })).toBe(200);
    const acl = { headers: { 'X-Container-Read': '.r:*' } };
    expect(await doors.swift('owner', 'POST', '/made', acl)).toBe(403);
    expect(await doors.swift('owner', 'PUT', '/new', acl)).toBe(403);
    expect(await setPolicy(doors, policy('Allow', '*', 's3:GetObject'))).toBe(403);
    expect(await doors.s3('owner', 'DELETE', path, { headers })).toBe(204);
    expect(await doors.s3('owner', 'GET', path, { headers })).toBe(404);
    expect(await doors.swift('owner', 'POST', '/made', acl)).toBe(204);
  });
});

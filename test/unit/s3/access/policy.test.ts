import { describe, expect, test } from 'vitest';
import type { ContainerRow } from '../../../../server/core/model.ts';
import { micros } from '../../../../base/units.ts';
import { createS3Dialect } from '../../../../server/s3/access/dialect.ts';
import { type Answer, createHarness, other, users } from '../harness.ts';
import { type Fields, policy, statement } from './policy-scene.ts';

const open = {
  newBuckets: { ownership: 'BucketOwnerEnforced', blockPublicAccess: false },
} as const;

describe('through the door', () => {
  const put = async (text: string, more: Parameters<typeof createHarness>[0] = open) => {
    const harness = createHarness(more);
    await harness.ask('PUT', '/bucket');
    await harness.ask('PUT', '/bucket/k', { body: 'k' });
    const answer = await harness.ask('PUT', '/bucket', { query: { policy: '' }, body: text });
    return { ...harness, answer };
  };
  const shown = ({ status, code }: Answer): unknown => code ?? status;

  test('is shown as it was sent, and goes', async () => {
    const text = ` ${policy(statement())}\n`;
    const { ask, answer } = await put(text);
    expect(answer.status).toBe(204);
    const got = await ask('GET', '/bucket', { query: { policy: '' } });
    expect([got.text, got.headers.get('content-type')]).toEqual([text, 'application/json']);
    expect(shown(await ask('GET', '/bucket/k', { anonymous: true }))).toBe(200);
    expect((await ask('DELETE', '/bucket', { query: { policy: '' } })).status).toBe(204);
    expect(shown(await ask('GET', '/bucket', { query: { policy: '' } }))).toBe(
      'NoSuchBucketPolicy',
    );
    expect(shown(await ask('GET', '/bucket/k', { anonymous: true }))).toBe('AccessDenied');
  });

  test('a denial holds for the owner, but for the policy itself', async () => {
    const all = statement({
      Effect: 'Deny',
      Action: 's3:*',
      Resource: ['arn:aws:s3:::bucket', 'arn:aws:s3:::bucket/*'],
    });
    const { ask } = await put(policy(all));
    expect(shown(await ask('GET', '/bucket/k'))).toBe('AccessDenied');
    expect(shown(await ask('GET', '/bucket'))).toBe('AccessDenied');
    expect(shown(await ask('GET', '/bucket', { query: { policy: '' } }))).toBe(200);
    expect(shown(await ask('DELETE', '/bucket', { query: { policy: '' } }))).toBe(204);
    expect(shown(await ask('GET', '/bucket/k'))).toBe(200);
  });

  test('accounts and users are told apart', async () => {
    const { ask } = await put(policy(statement({ Principal: { AWS: 'arn:aws:iam::two:root' } })));
    expect(shown(await ask('GET', '/bucket/k', { sign: { key: other } }))).toBe(200);
    expect(shown(await ask('GET', '/bucket/k', { anonymous: true }))).toBe('AccessDenied');
    const named = await put(
      policy(statement({ Principal: { AWS: 'arn:aws:iam::two:user/root' } })),
    );
    expect(shown(await named.ask('GET', '/bucket/k', { sign: { key: other } }))).toBe(200);
    const wrong = await put(policy(statement({ Principal: { AWS: 'arn:aws:iam::two:user/x' } })));
    expect(shown(await wrong.ask('GET', '/bucket/k', { sign: { key: other } }))).toBe(
      'AccessDenied',
    );
  });

  test('what is not there is told to whom may list it', async () => {
    const { ask } = await put(policy(statement()));
    expect(shown(await ask('GET', '/bucket/none', { anonymous: true }))).toBe('AccessDenied');
    expect(shown(await ask('GET', '/bucket/none'))).toBe('NoSuchKey');
    const list = statement({
      Action: 's3:ListBucket',
      Resource: 'arn:aws:s3:::bucket',
      Condition: { StringLike: { 's3:prefix': 'public/*' } },
    });
    const listed = await put(policy(list));
    expect(shown(await listed.ask('GET', '/bucket/public/x', { anonymous: true }))).toBe(
      'NoSuchKey',
    );
    expect(shown(await listed.ask('GET', '/bucket/private/x', { anonymous: true }))).toBe(
      'AccessDenied',
    );
    expect(shown(await listed.ask('GET', '/bucket/k', { anonymous: true }))).toBe('AccessDenied');
  });

  test.each<[name: string, condition: Fields, passes: Fields, fails: Fields]>([
    [
      'Referer',
      { StringLike: { 'aws:Referer': 'http://a/*' } },
      { referer: 'http://a/b' },
      { referer: 'http://b/' },
    ],
    ['UserAgent', { StringEquals: { 'aws:UserAgent': 'x' } }, { 'user-agent': 'x' }, {}],
    [
      'no forwarded address',
      { IpAddress: { 'aws:SourceIp': '127.0.0.1' } },
      { 'x-forwarded-for': '9.9.9.9' },
      { referer: 'deny' },
    ],
  ])('%s', async (name, condition, passes, fails) => {
    const deny = statement({
      Effect: 'Deny',
      Condition: { StringEquals: { 'aws:Referer': 'deny' } },
    });
    const { ask } = await put(policy(statement({ Condition: condition }), deny));
    const get = async (headers: Fields): Promise<unknown> =>
      shown(
        await ask('GET', '/bucket/k', {
          anonymous: true,
          headers: headers as Record<string, string>,
        }),
      );
    expect([name, await get(passes), await get(fails)]).toEqual([name, 200, 'AccessDenied']);
  });

  test('conditions on writes: lists, tags, encryption, copies', async () => {
    const allow = statement({ Action: ['s3:PutObject', 's3:PutObjectTagging', 's3:GetObject'] });
    const deny = (operator: string, key: string, value: string): Fields =>
      statement({
        Effect: 'Deny',
        Action: 's3:PutObject',
        Condition: { [operator]: { [key]: value } },
      });
    const { ask } = await put(
      policy(
        allow,
        deny('StringEquals', 's3:RequestObjectTag/level', 'secret'),
        deny('ForAnyValue:StringEquals', 's3:RequestObjectTagKeys', 'owner'),
        deny('StringLike', 's3:x-amz-copy-source', 'bucket/private/*'),
        deny('StringEquals', 's3:x-amz-metadata-directive', 'REPLACE'),
      ),
    );
    await ask('PUT', '/bucket/private/x', { body: 'x' });
    const write = async (headers: Record<string, string>): Promise<unknown> =>
      shown(await ask('PUT', '/bucket/new', { headers, body: '', sign: { key: other } }));
    expect(await write({})).toBe(200);
    expect(await write({ 'x-amz-tagging': 'level=open' })).toBe(200);
    expect(await write({ 'x-amz-tagging': 'level=secret' })).toBe('AccessDenied');
    expect(await write({ 'x-amz-tagging': 'owner=me' })).toBe('AccessDenied');
    expect(await write({ 'x-amz-copy-source': '/bucket/k' })).toBe(200);
    expect(await write({ 'x-amz-copy-source': 'bucket/private/x' })).toBe('AccessDenied');
    expect(await write({ 'x-amz-copy-source': '/bucket/priv%61te/x' })).toBe('AccessDenied');
    expect(
      await write({ 'x-amz-copy-source': 'bucket/k', 'x-amz-metadata-directive': 'REPLACE' }),
    ).toBe('AccessDenied');
  });

  test('tags need a permission of their own, and existing ones can be asked about', async () => {
    const { ask } = await put(
      policy(
        statement({ Action: 's3:PutObject' }),
        statement({ Condition: { StringEquals: { 's3:ExistingObjectTag/Level': 'open' } } }),
      ),
    );
    const headers = { 'x-amz-tagging': 'Level=open' };
    expect(shown(await ask('PUT', '/bucket/t', { headers, sign: { key: other } }))).toBe(
      'AccessDenied',
    );
    await ask('PUT', '/bucket/t', { headers, body: 't' });
    expect(shown(await ask('GET', '/bucket/t', { sign: { key: other } }))).toBe(200);
    expect(shown(await ask('GET', '/bucket/k', { sign: { key: other } }))).toBe('AccessDenied');
  });

  test('a copy needs leave to read its source, even onto itself', async () => {
    const { ask } = await put(policy(statement({ Action: 's3:PutObject' })));
    const headers = { 'x-amz-copy-source': '/bucket/k', 'x-amz-metadata-directive': 'REPLACE' };
    expect(shown(await ask('PUT', '/bucket/k', { headers, sign: { key: other } }))).toBe(
      'AccessDenied',
    );
    const absent = { 'x-amz-copy-source': '/bucket/none' };
    expect(shown(await ask('PUT', '/bucket/new', { headers: absent, sign: { key: other } }))).toBe(
      'AccessDenied',
    );
  });

  test('a part that is copied needs leave to read its source, of the version that is named', async () => {
    const { ask } = await put(
      policy(statement({ Action: 's3:GetObject', Resource: 'arn:aws:s3:::bucket/open/*' })),
    );
    await ask('PUT', '/bucket/open/x', { body: 'x' });
    const sign = { key: other };
    await ask('PUT', '/theirs', { sign });
    const begun = await ask('POST', '/theirs/k', { query: { uploads: '' }, sign });
    const uploadId = /<UploadId>(\w+)</.exec(begun.text)?.[1] ?? '';
    const part = async (source: string): Promise<unknown> => {
      const query = { uploadId, partNumber: '1' };
      const headers = { 'x-amz-copy-source': source };
      return shown(await ask('PUT', '/theirs/k', { query, headers, sign }));
    };
    expect(await part('/bucket/open/x')).toBe(200);
    expect(await part('/bucket/open/x?versionId=null')).toBe('AccessDenied');
    expect(await part('/bucket/k')).toBe('AccessDenied');
    // Keys are bytes: nothing is a way up.
    expect(await part('/bucket/open/../k')).toBe('AccessDenied');
    expect(await part('/bucket/open%2F..%2Fk')).toBe('AccessDenied');
  });

  test('a copy that takes tags over needs leave to read and to set them', async () => {
    const copies = async (...actions: readonly string[]): Promise<unknown> => {
      const { ask } = await put(policy(statement({ Action: actions })));
      await ask('PUT', '/bucket/t', { headers: { 'x-amz-tagging': 'a=b' }, body: 't' });
      const headers = { 'x-amz-copy-source': '/bucket/t' };
      const plain = { ...headers, 'x-amz-tagging-directive': 'REPLACE' };
      const sign = { key: other };
      return [
        shown(await ask('PUT', '/bucket/new', { headers, sign })),
        shown(await ask('PUT', '/bucket/new', { headers: plain, sign })),
      ];
    };
    const basic = ['s3:GetObject', 's3:PutObject'];
    expect(await copies(...basic)).toEqual(['AccessDenied', 200]);
    expect(await copies(...basic, 's3:GetObjectTagging')).toEqual(['AccessDenied', 200]);
    expect(await copies(...basic, 's3:PutObjectTagging')).toEqual(['AccessDenied', 200]);
    expect(await copies(...basic, 's3:*ObjectTagging')).toEqual([200, 200]);
  });

  test('a version is another permission', async () => {
    const { ask } = await put(policy(statement()));
    const query = { versionId: 'null' };
    expect(shown(await ask('GET', '/bucket/k', { query, anonymous: true }))).toBe('AccessDenied');
    const versions = await put(policy(statement({ Action: 's3:GetObjectVersion' })));
    expect(shown(await versions.ask('GET', '/bucket/k', { query, anonymous: true }))).toBe(200);
    expect(shown(await versions.ask('GET', '/bucket/k', { anonymous: true }))).toBe('AccessDenied');
  });

  test('a policy that cannot be read any more denies, and can be taken away', async () => {
    const { ask, core } = await put(policy(statement()));
    const principal = { type: 'user', account: 'AUTH_one', user: 'root', role: 'owner' } as const;
    const settings = { 's3:policy': '{' };
    await core.updateContainer(
      { principal },
      { account: undefined, container: 'bucket' },
      { settings },
    );
    expect(shown(await ask('GET', '/bucket/k'))).toBe('AccessDenied');
    expect(shown(await ask('GET', '/bucket/k', { anonymous: true }))).toBe('AccessDenied');
    expect(shown(await ask('DELETE', '/bucket', { query: { policy: '' } }))).toBe(204);
    expect(shown(await ask('GET', '/bucket/k'))).toBe(200);
  });

  test('of new buckets public policies are blocked, as with Amazon', async () => {
    const { ask, answer } = await put(policy(statement()), {});
    expect(shown(answer)).toBe('AccessDenied');
    const bound = statement({ Condition: { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } } });
    expect(shown(await ask('PUT', '/bucket', { query: { policy: '' }, body: policy(bound) }))).toBe(
      204,
    );
    await ask('DELETE', '/bucket', { query: { publicAccessBlock: '' } });
    expect(
      shown(await ask('PUT', '/bucket', { query: { policy: '' }, body: policy(statement()) })),
    ).toBe(204);
  });
});

describe('what is public', () => {
  const row = (text: string): ContainerRow => ({
    ...{ account: 'AUTH_one', name: 'bucket', state: 'live', policy: 'p', versioning: 'off' },
    ...{ createdAt: micros(1), modifiedAt: micros(1), settings: { 's3:policy': text } },
  });
  const isPublic = (fields: Fields): boolean | undefined =>
    createS3Dialect(users).containerRules(row(policy(fields)))?.statements[0]?.isPublic;

  test.each<[boolean, Fields]>([
    [true, {}],
    [false, { Principal: { AWS: 'arn:aws:iam::two:root' } }],
    [false, { Effect: 'Deny' }],
    [false, { Condition: { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } } }],
    [true, { Condition: { IpAddress: { 'aws:SourceIp': '0.0.0.0/1' } } }],
    [true, { Condition: { IpAddress: { 'aws:SourceIp': ['10.0.0.0/8', '0.0.0.0/0'] } } }],
    [true, { Condition: { NotIpAddress: { 'aws:SourceIp': '10.0.0.0/8' } } }],
    [true, { Condition: { IpAddressIfExists: { 'aws:SourceIp': '10.0.0.0/8' } } }],
    [false, { Condition: { StringEquals: { 'aws:SourceVpc': 'vpc-1' } } }],
    [true, { Condition: { StringLike: { 'aws:SourceVpc': 'vpc-*' } } }],
    [true, { Condition: { StringEquals: { 'aws:Referer': 'http://a/' } } }],
    [false, { Condition: { ArnEquals: { 'aws:PrincipalArn': 'arn:aws:iam::two:user/x' } } }],
  ])('%s: %j', (expected, more) => {
    expect(isPublic(statement(more))).toBe(expected);
  });
});

import { describe, expect, test } from 'vitest';
import { type Answer, all, one } from '../harness.ts';
import {
  type Headers,
  acl,
  byOther,
  anonymous,
  canned,
  code,
  withBucket,
  grantsOf,
  mine,
  theirs,
  document,
} from './acl-scene.ts';

describe('lists of buckets', () => {
  test.each([
    ['private', [`${mine}: FULL_CONTROL`]],
    ['public-read', ['AllUsers: READ', `${mine}: FULL_CONTROL`]],
    ['public-read-write', ['AllUsers: READ', 'AllUsers: WRITE', `${mine}: FULL_CONTROL`]],
    ['authenticated-read', ['AuthenticatedUsers: READ', `${mine}: FULL_CONTROL`]],
    [
      'log-delivery-write',
      ['LogDelivery: WRITE', 'LogDelivery: READ_ACP', `${mine}: FULL_CONTROL`],
    ],
  ])('%s, at once and afterwards', async (name, grants) => {
    const { ask } = await withBucket('ObjectWriter', canned(name));
    expect(grantsOf(await ask('GET', '/bucket', { query: acl }))).toEqual(grants);
    await ask('PUT', '/bucket', { query: acl, headers: canned('private') });
    expect(grantsOf(await ask('GET', '/bucket', { query: acl }))).toEqual([
      `${mine}: FULL_CONTROL`,
    ]);
    await ask('PUT', '/bucket', { query: acl, headers: canned(name) });
    expect(grantsOf(await ask('GET', '/bucket', { query: acl }))).toEqual(grants);
  });

  test('let strangers do what they grant, and no more', async () => {
    const { ask } = await withBucket('ObjectWriter');
    await ask('PUT', '/bucket/k', { body: 'k' });
    const may = async (): Promise<string> => {
      const answers: readonly [string, Answer][] = [
        ['list', await ask('GET', '/bucket', byOther)],
        ['head', await ask('HEAD', '/bucket', byOther)],
        ['put', await ask('PUT', '/bucket/new', { ...byOther, body: 'x' })],
        ['get', await ask('GET', '/bucket/k', byOther)],
        ['read-acl', await ask('GET', '/bucket', { ...byOther, query: acl })],
        ['delete', await ask('DELETE', '/bucket/new', byOther)],
        ['policy', await ask('GET', '/bucket', { ...byOther, query: { policy: '' } })],
        ['remove', await ask('DELETE', '/bucket', byOther)],
      ];
      return answers.flatMap(([name, { status }]) => (status === 403 ? [] : [name])).join(' ');
    };
    const set = (permission: string): Promise<Answer> => {
      const grants = [`ID ${mine} FULL_CONTROL`, `ID ${theirs} ${permission}`];
      return ask('PUT', '/bucket', { query: acl, body: document(grants) });
    };
    expect(await may()).toBe('');
    expect((await set('READ')).status).toBe(200);
    expect(await may()).toBe('list head');
    await set('WRITE');
    expect(await may()).toBe('put delete');
    await set('READ_ACP');
    expect(await may()).toBe('read-acl');
    await set('FULL_CONTROL');
    expect(await may()).toBe('list head put read-acl delete');
    await set('WRITE_ACP');
    expect(await may()).toBe('');
    const taken = { ...byOther, query: acl, headers: canned('public-read') };
    expect((await ask('PUT', '/bucket', taken)).status).toBe(200);
    expect(await may()).toBe('list head');
  });

  test('by id, by email, by uri, in headers', async () => {
    const headers = {
      'x-amz-grant-read': `id="${theirs}", uri="http://acs.amazonaws.com/groups/global/AllUsers"`,
      'x-amz-grant-full-control': `id=${mine}`,
      'x-amz-grant-write-acp': 'emailAddress="AUTH_TWO@torc.test"',
    };
    const { ask } = await withBucket('none', headers);
    expect(grantsOf(await ask('GET', '/bucket', { query: acl }))).toEqual([
      'AllUsers: READ',
      `${theirs}: READ`,
      `${theirs}: WRITE_ACP`,
      `${mine}: FULL_CONTROL`,
    ]);
    const log = 'http://acs.amazonaws.com/groups/s3/LogDelivery';
    const grants = [`URI ${log} WRITE`, 'EmailAddress auth_two@torc.test READ'];
    await ask('PUT', '/bucket', { query: acl, body: document(grants) });
    expect(grantsOf(await ask('GET', '/bucket', { query: acl }))).toEqual([
      'LogDelivery: WRITE',
      `${theirs}: READ`,
    ]);
  });

  const many = Array.from({ length: 101 }, () => `ID ${mine} READ`);
  test.each<[string, Headers, string | undefined, string]>([
    ['no list', {}, undefined, 'MissingSecurityHeader'],
    ['two lists', canned('private'), document([]), 'UnexpectedContent'],
    [
      'canned and granted',
      { ...canned('private'), 'x-amz-grant-read': `id=${mine}` },
      undefined,
      'InvalidRequest',
    ],
    ['an unknown name', canned('publicread'), undefined, 'InvalidArgument'],
    ['one for machines of Amazon', canned('aws-exec-read'), undefined, 'NotImplemented'],
    ['an unknown id', { 'x-amz-grant-read': 'id=_foo' }, undefined, 'InvalidArgument'],
    ['an unknown id in XML', {}, document(['ID _foo READ']), 'InvalidArgument'],
    [
      'an unknown email',
      {},
      document(['EmailAddress a@b.c READ']),
      'UnresolvableGrantByEmailAddress',
    ],
    [
      'an unknown group',
      { 'x-amz-grant-read': 'uri=http://acs.amazonaws.com/groups/global/LogDelivery' },
      undefined,
      'InvalidArgument',
    ],
    ['no kind', { 'x-amz-grant-read': mine }, undefined, 'InvalidArgument'],
    ['an unknown permission', {}, document([`ID ${mine} RAED`]), 'MalformedACLError'],
    ['an unknown element', {}, document([`Name ${mine} READ`]), 'MalformedACLError'],
    [
      'no owner',
      {},
      '<AccessControlPolicy><AccessControlList/></AccessControlPolicy>',
      'MalformedACLError',
    ],
    ['another root', {}, '<Policy/>', 'MalformedXML'],
    ['another owner', {}, document([], theirs), 'AccessDenied'],
    ['more than a hundred', {}, document(many), 'InvalidRequest'],
  ])('%s is refused', async (_, headers, body, expected) => {
    const { ask } = await withBucket('ObjectWriter');
    const sent = body === undefined ? {} : { body };
    expect(code(await ask('PUT', '/bucket', { query: acl, headers, ...sent }))).toBe(expected);
    expect(grantsOf(await ask('GET', '/bucket', { query: acl }))).toHaveLength(1);
  });

  test('may be emptied; the owner keeps its bucket', async () => {
    const { ask } = await withBucket('ObjectWriter');
    await ask('PUT', '/bucket', { query: acl, body: document([]) });
    expect(grantsOf(await ask('GET', '/bucket', { query: acl }))).toEqual([]);
    expect((await ask('PUT', '/bucket/k', { body: 'x' })).status).toBe(200);
    const query = acl;
    expect((await ask('PUT', '/bucket', { query, headers: canned('private') })).status).toBe(200);
  });

  test('of a bucket that is there already are not changed by creating it again', async () => {
    const { ask } = await withBucket('ObjectWriter', canned('public-read'));
    expect(code(await ask('PUT', '/bucket'))).toBe('BucketAlreadyExists');
    expect(code(await ask('PUT', '/bucket', { headers: canned('public-read') }))).toBe(200);
    expect(code(await ask('PUT', '/bucket', byOther))).toBe('BucketAlreadyExists');
  });
});

describe('lists of objects', () => {
  test('are judged for reads, whatever the bucket grants', async () => {
    const { ask } = await withBucket('ObjectWriter', canned('public-read-write'));
    await ask('PUT', '/bucket/open', { body: 'x', headers: canned('public-read') });
    await ask('PUT', '/bucket/shut', { body: 'x' });
    await ask('PUT', '/bucket/known', { body: 'x', headers: canned('authenticated-read') });
    const read = async (more: object): Promise<readonly unknown[]> => [
      code(await ask('GET', '/bucket/open', more)),
      code(await ask('GET', '/bucket/shut', more)),
      code(await ask('GET', '/bucket/known', more)),
      code(await ask('GET', '/bucket/open', { ...more, query: acl })),
    ];
    const denied = 'AccessDenied';
    expect(await read(anonymous)).toEqual([200, denied, denied, denied]);
    expect(await read(byOther)).toEqual([200, denied, 200, denied]);
    expect(await read({})).toEqual([200, 200, 200, 200]);
    await ask('PUT', '/bucket/shut', { query: acl, body: document([`ID ${theirs} FULL_CONTROL`]) });
    expect(await read(byOther)).toEqual([200, 200, 200, denied]);
    const rewritten = { ...byOther, query: acl, headers: canned('private') };
    expect(code(await ask('PUT', '/bucket/shut', rewritten))).toBe(200);
    expect(await read(byOther)).toEqual([200, denied, 200, denied]);
  });

  test('belong to who wrote the object', async () => {
    const { ask } = await withBucket('ObjectWriter', canned('public-read-write'));
    await ask('PUT', '/bucket/k', { ...byOther, body: 'x' });
    const shown = await ask('GET', '/bucket/k', { ...byOther, query: acl });
    expect([one(shown.text, 'ID'), grantsOf(shown)]).toEqual([theirs, [`${theirs}: FULL_CONTROL`]]);
    expect(code(await ask('GET', '/bucket/k'))).toBe('AccessDenied');
    expect(code(await ask('GET', '/bucket/k', { query: acl }))).toBe('AccessDenied');
    // Tags are the bucket's affair.
    expect(code(await ask('GET', '/bucket/k', { query: { tagging: '' } }))).toBe(200);
    const listed = await ask('GET', '/bucket', {
      query: { 'list-type': '2', 'fetch-owner': 'true' },
    });
    expect(all(listed.text, 'ID')).toEqual([theirs]);
    for (const [name, grant] of [
      ['bucket-owner-read', `${mine}: READ`],
      ['bucket-owner-full-control', `${mine}: FULL_CONTROL`],
    ] as const) {
      await ask('PUT', '/bucket/k', { ...byOther, body: 'x', headers: canned(name) });
      const list = await ask('GET', '/bucket/k', { ...byOther, query: acl });
      expect(grantsOf(list)).toEqual([`${theirs}: FULL_CONTROL`, grant]);
      expect(code(await ask('GET', '/bucket/k'))).toBe(200);
    }
    expect(code(await ask('DELETE', '/bucket/k'))).toBe(204);
  });

  test('that shut out their owner can be set right by it', async () => {
    const { ask } = await withBucket('ObjectWriter', canned('public-read-write'));
    await ask('PUT', '/bucket/k', { ...byOther, body: 'x' });
    const shut = { ...byOther, query: acl, body: document([], theirs) };
    expect(code(await ask('PUT', '/bucket/k', shut))).toBe(200);
    expect(code(await ask('GET', '/bucket/k', byOther))).toBe('AccessDenied');
    expect(grantsOf(await ask('GET', '/bucket/k', { ...byOther, query: acl }))).toEqual([]);
    const again = { ...byOther, query: acl, headers: canned('private') };
    expect(code(await ask('PUT', '/bucket/k', again))).toBe(200);
    expect(code(await ask('GET', '/bucket/k', byOther))).toBe(200);
  });

  test('of nobody', async () => {
    const { ask } = await withBucket('ObjectWriter', canned('public-read-write'));
    expect(code(await ask('PUT', '/bucket/k', { ...anonymous, body: 'x' }))).toBe(200);
    const listed = await ask('GET', '/bucket', {
      query: { 'list-type': '2', 'fetch-owner': 'true' },
    });
    expect(all(listed.text, 'DisplayName')).toEqual(['anonymous']);
    expect(code(await ask('GET', '/bucket/k', anonymous))).toBe(200);
    const body =
      '<PublicAccessBlockConfiguration><IgnorePublicAcls>true</IgnorePublicAcls></PublicAccessBlockConfiguration>';
    await ask('PUT', '/bucket', { query: { publicAccessBlock: '' }, body });
    expect(code(await ask('GET', '/bucket/k', anonymous))).toBe('AccessDenied');
  });

  test('stand with each version, and move no Last-Modified', async () => {
    const { ask } = await withBucket('ObjectWriter');
    const body = '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>';
    await ask('PUT', '/bucket', { query: { versioning: '' }, body });
    const first = await ask('PUT', '/bucket/k', { body: 'one' });
    await ask('PUT', '/bucket/k', { body: 'two' });
    const versionId = first.headers.get('x-amz-version-id') ?? '';
    const before = (await ask('HEAD', '/bucket/k', { query: { versionId } })).headers;
    const headers = canned('public-read');
    const set = await ask('PUT', '/bucket/k', { query: { ...acl, versionId }, headers });
    expect([set.status, set.headers.get('x-amz-version-id')]).toEqual([200, versionId]);
    const after = (await ask('HEAD', '/bucket/k', { query: { versionId } })).headers;
    expect(after.get('last-modified')).toBe(before.get('last-modified'));
    expect(code(await ask('GET', '/bucket/k', { ...anonymous, query: { versionId } }))).toBe(200);
    expect(code(await ask('GET', '/bucket/k', anonymous))).toBe('AccessDenied');
  });

  test('come along with uploads and forms, and not with copies', async () => {
    const { ask } = await withBucket('ObjectWriter');
    const headers = canned('public-read');
    const begun = await ask('POST', '/bucket/mp', { query: { uploads: '' }, headers });
    const uploadId = one(begun.text, 'UploadId') ?? '';
    const part = await ask('PUT', '/bucket/mp', {
      query: { uploadId, partNumber: '1' },
      body: 'x',
    });
    const etag = part.headers.get('etag') ?? '';
    const parts = `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>${etag}</ETag></Part></CompleteMultipartUpload>`;
    expect((await ask('POST', '/bucket/mp', { query: { uploadId }, body: parts })).status).toBe(
      200,
    );
    expect(code(await ask('GET', '/bucket/mp', anonymous))).toBe(200);
    const copy = { 'x-amz-copy-source': '/bucket/mp' };
    await ask('PUT', '/bucket/copy', { headers: copy });
    expect(code(await ask('GET', '/bucket/copy', anonymous))).toBe('AccessDenied');
    await ask('PUT', '/bucket/open', { headers: { ...copy, ...headers } });
    expect(code(await ask('GET', '/bucket/open', anonymous))).toBe(200);
  });

  test('under a policy take a permission of their own, unless they let in nobody new', async () => {
    const { ask } = await withBucket('ObjectWriter');
    const policy = (actions: readonly string[]): string =>
      JSON.stringify({
        Statement: [
          { Effect: 'Allow', Principal: '*', Action: actions, Resource: 'arn:aws:s3:::bucket/*' },
        ],
      });
    await ask('PUT', '/bucket', { query: { policy: '' }, body: policy(['s3:PutObject']) });
    const put = async (name: string): Promise<unknown> =>
      code(await ask('PUT', '/bucket/k', { ...byOther, headers: canned(name), body: 'x' }));
    expect(await put('private')).toBe(200);
    expect(await put('bucket-owner-full-control')).toBe(200);
    expect(await put('public-read')).toBe('AccessDenied');
    const both = policy(['s3:PutObject', 's3:PutObjectAcl']);
    await ask('PUT', '/bucket', { query: { policy: '' }, body: both });
    expect(await put('public-read')).toBe(200);
  });
});

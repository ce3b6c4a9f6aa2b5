import { describe, expect, test } from 'vitest';
import { type Ask, createHarness, one, owner } from '../harness.ts';
import {
  type Harness,
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
} from './acl-scene.ts';

describe('ownership controls', () => {
  const controls = (word: string): string =>
    `<OwnershipControls><Rule><ObjectOwnership>${word}</ObjectOwnership></Rule></OwnershipControls>`;
  const query = { ownershipControls: '' };
  const shown = async ({ ask }: Harness): Promise<unknown> => {
    const answer = await ask('GET', '/bucket', { query });
    return answer.code ?? one(answer.text, 'ObjectOwnership');
  };

  test('are Amazon’s for new buckets, and may be chosen, changed and taken away', async () => {
    const harness = createHarness();
    await harness.ask('PUT', '/bucket');
    expect(await shown(harness)).toBe('BucketOwnerEnforced');
    const { ask } = harness;
    expect((await ask('PUT', '/bucket', { query, body: controls('ObjectWriter') })).status).toBe(
      200,
    );
    expect(await shown(harness)).toBe('ObjectWriter');
    expect((await ask('DELETE', '/bucket', { query })).status).toBe(204);
    expect(await shown(harness)).toBe('OwnershipControlsNotFoundError');
    expect(code(await ask('PUT', '/bucket', { query, body: controls('Mine') }))).toBe(
      'MalformedXML',
    );
    const headers = { 'x-amz-object-ownership': 'BucketOwnerPreferred' };
    await ask('PUT', '/chosen', { headers });
    expect(one((await ask('GET', '/chosen', { query })).text, 'ObjectOwnership')).toBe(
      'BucketOwnerPreferred',
    );
    const wrong = { 'x-amz-object-ownership': 'x' };
    expect(code(await ask('PUT', '/wrong', { headers: wrong }))).toBe('InvalidArgument');
  });

  test('enforced: lists are not supported, but for the bucket’s owner', async () => {
    const asked = { 'x-amz-object-ownership': 'BucketOwnerEnforced' };
    const { ask } = await withBucket('BucketOwnerEnforced', asked);
    const put = async (headers: Headers): Promise<unknown> =>
      code(await ask('PUT', '/bucket/k', { headers, body: 'x' }));
    const refused = 'AccessControlListNotSupported';
    expect(await put({})).toBe(200);
    expect(await put(canned('bucket-owner-full-control'))).toBe(200);
    expect(await put({ 'x-amz-grant-full-control': `id=${mine}` })).toBe(200);
    expect(await put(canned('private'))).toBe(refused);
    expect(await put(canned('public-read'))).toBe(refused);
    expect(await put({ 'x-amz-grant-read': `id=${mine}` })).toBe(refused);
    const headers = canned('private');
    expect(code(await ask('PUT', '/bucket', { query: acl, headers }))).toBe(refused);
    expect(code(await ask('PUT', '/bucket/k', { query: acl, headers }))).toBe(refused);
    expect(grantsOf(await ask('GET', '/bucket/k', { query: acl }))).toEqual([
      `${mine}: FULL_CONTROL`,
    ]);
    expect(code(await ask('PUT', '/public', { headers: canned('public-read') }))).toBe(
      'InvalidBucketAclWithObjectOwnership',
    );
    expect(code(await ask('PUT', '/closed', { headers: canned('private') }))).toBe(200);
  });

  test('enforced because nobody said otherwise: `private`, which older tools send, is what holds anyway', async () => {
    const { ask } = createHarness();
    await ask('PUT', '/bucket', { headers: canned('private') });
    const put = async (name: string): Promise<unknown> =>
      code(await ask('PUT', '/bucket/k', { headers: canned(name), body: 'x' }));
    expect(await put('private')).toBe(200);
    expect(await put('bucket-owner-full-control')).toBe(200);
    expect(await put('public-read')).toBe('AccessControlListNotSupported');
    expect(await put('bucket-owner-read')).toBe('AccessControlListNotSupported');
    // s3cmd copies an object's list after the object, as a document.
    const shown = (await ask('GET', '/bucket/k', { query: acl })).text;
    const open = shown.replace('FULL_CONTROL', 'READ');
    for (const path of ['/bucket', '/bucket/k']) {
      const set = async (more: Partial<Ask>): Promise<unknown> =>
        code(await ask('PUT', path, { query: acl, ...more }));
      expect(await set({ body: shown })).toBe(200);
      expect(await set({ headers: canned('private') })).toBe(200);
      expect(await set({ body: open })).toBe('AccessControlListNotSupported');
      expect(await set({ headers: canned('public-read') })).toBe('AccessControlListNotSupported');
    }
    expect(code(await ask('PUT', '/bucket/none', { query: acl, body: shown }))).toBe('NoSuchKey');
    await ask('PUT', '/bucket', { query, body: controls('BucketOwnerEnforced') });
    expect(await put('private')).toBe('AccessControlListNotSupported');
  });

  test('enforced at last, all objects are the bucket owner’s, and lists count no more', async () => {
    const harness = await withBucket('ObjectWriter', canned('public-read-write'));
    const { ask } = harness;
    await ask('PUT', '/bucket/k', { ...byOther, body: 'x', headers: canned('public-read') });
    expect(
      code(await ask('PUT', '/bucket', { query, body: controls('BucketOwnerEnforced') })),
    ).toBe('InvalidBucketAclWithObjectOwnership');
    await ask('PUT', '/bucket', { query: acl, headers: canned('private') });
    await ask('PUT', '/bucket', { query, body: controls('BucketOwnerEnforced') });
    expect(code(await ask('GET', '/bucket/k'))).toBe(200);
    expect(code(await ask('GET', '/bucket/k', anonymous))).toBe('AccessDenied');
    expect(code(await ask('GET', '/bucket/k', byOther))).toBe('AccessDenied');
    expect(one((await ask('GET', '/bucket/k', { query: acl })).text, 'ID')).toBe(mine);
  });

  test('preferred: what is given to the bucket’s owner is the bucket’s owner’s', async () => {
    const { ask } = await withBucket('BucketOwnerPreferred', canned('public-read-write'));
    await ask('PUT', '/bucket/kept', { ...byOther, body: 'x' });
    const headers = canned('bucket-owner-full-control');
    await ask('PUT', '/bucket/given', { ...byOther, body: 'x', headers });
    expect(code(await ask('GET', '/bucket/kept'))).toBe('AccessDenied');
    expect(code(await ask('GET', '/bucket/given'))).toBe(200);
    expect(code(await ask('GET', '/bucket/given', byOther))).toBe('AccessDenied');
  });
});

describe('public access block', () => {
  const query = { publicAccessBlock: '' };
  const block = (...names: readonly string[]): string =>
    `<PublicAccessBlockConfiguration>${names.map((name) => `<${name}>true</${name}>`).join('')}</PublicAccessBlockConfiguration>`;

  test('is set, shown and taken away', async () => {
    const { ask } = await withBucket('ObjectWriter');
    expect(code(await ask('GET', '/bucket', { query }))).toBe(
      'NoSuchPublicAccessBlockConfiguration',
    );
    await ask('PUT', '/bucket', { query, body: block('BlockPublicAcls', 'RestrictPublicBuckets') });
    const { text } = await ask('GET', '/bucket', { query });
    const names = [
      'BlockPublicAcls',
      'IgnorePublicAcls',
      'BlockPublicPolicy',
      'RestrictPublicBuckets',
    ];
    expect(names.map((name) => one(text, name))).toEqual(['true', 'false', 'false', 'true']);
    const wrong = block('BlockPublicAcls').replace('true', 'yes');
    expect(code(await ask('PUT', '/bucket', { query, body: wrong }))).toBe('MalformedXML');
    expect(code(await ask('DELETE', '/bucket', { query }))).toBe(204);
    expect(code(await ask('GET', '/bucket', { query }))).toBe(
      'NoSuchPublicAccessBlockConfiguration',
    );
  });

  test('refuses lists, ignores them, restricts policies', async () => {
    const { ask } = await withBucket('ObjectWriter');
    const headers = canned('public-read');
    await ask('PUT', '/bucket/k', { headers, body: 'x' });
    await ask('PUT', '/bucket', { query, body: block('BlockPublicAcls') });
    expect(code(await ask('PUT', '/bucket', { query: acl, headers }))).toBe('AccessDenied');
    expect(code(await ask('PUT', '/bucket/k', { query: acl, headers }))).toBe('AccessDenied');
    expect(code(await ask('PUT', '/bucket/new', { headers, body: 'x' }))).toBe('AccessDenied');
    expect(code(await ask('GET', '/bucket/k', anonymous))).toBe(200);
    await ask('PUT', '/bucket', { query, body: block('IgnorePublicAcls') });
    expect(code(await ask('GET', '/bucket/k', anonymous))).toBe('AccessDenied');
    await ask('DELETE', '/bucket', { query });
    const policy = JSON.stringify({
      Statement: [
        {
          Effect: 'Allow',
          Principal: '*',
          Action: 's3:GetObject',
          Resource: 'arn:aws:s3:::bucket/p',
        },
        {
          Effect: 'Allow',
          Principal: { AWS: 'two' },
          Action: 's3:ListBucket',
          Resource: 'arn:aws:s3:::bucket',
        },
      ],
    });
    await ask('PUT', '/bucket/p', { body: 'p' });
    await ask('PUT', '/bucket', { query: { policy: '' }, body: policy });
    expect(code(await ask('GET', '/bucket/p', anonymous))).toBe(200);
    await ask('PUT', '/bucket', { query, body: block('RestrictPublicBuckets') });
    expect(code(await ask('GET', '/bucket/p', anonymous))).toBe('AccessDenied');
    // Of a public policy nothing reaches other accounts, not even what names them.
    expect(code(await ask('GET', '/bucket', byOther))).toBe('AccessDenied');
    expect(code(await ask('GET', '/bucket/p'))).toBe(200);
  });

  test('of new buckets forbids public lists from the start', async () => {
    const { ask } = createHarness();
    const headers = { ...canned('public-read'), 'x-amz-object-ownership': 'ObjectWriter' };
    expect(code(await ask('PUT', '/bucket', { headers }))).toBe(
      'InvalidBucketAclWithBlockPublicAccessError',
    );
  });
});

describe('policy status', () => {
  const isPublic = async ({ ask }: Harness): Promise<unknown> =>
    one((await ask('GET', '/bucket', { query: { policyStatus: '' } })).text, 'IsPublic');

  test('tells of policies and lists', async () => {
    const harness = await withBucket('ObjectWriter');
    expect(await isPublic(harness)).toBe('false');
    await harness.ask('PUT', '/bucket', { query: acl, headers: canned('authenticated-read') });
    expect(await isPublic(harness)).toBe('true');
    await harness.ask('PUT', '/bucket', { query: acl, headers: canned('private') });
    const statement = {
      ...{ Effect: 'Allow', Principal: '*', Action: 's3:GetObject' },
      Resource: 'arn:aws:s3:::bucket/*',
    };
    const body = JSON.stringify({ Statement: statement });
    await harness.ask('PUT', '/bucket', { query: { policy: '' }, body });
    expect(await isPublic(harness)).toBe('true');
  });
});

describe('expected owners', () => {
  test.each([
    ['one', 200],
    ['AUTH_one', 200],
    [mine, 200],
    ['two', 'AccessDenied'],
    [theirs, 'AccessDenied'],
    ['', 'AccessDenied'],
    ['123456789012', 'AccessDenied'],
  ])('%s: %s', async (expected, answer) => {
    const { ask } = await withBucket('BucketOwnerEnforced');
    await ask('PUT', '/bucket/k', { body: 'x' });
    const headers = { 'x-amz-expected-bucket-owner': expected };
    expect(code(await ask('GET', '/bucket/k', { headers, sign: { key: owner } }))).toBe(answer);
    const copy = {
      'x-amz-copy-source': '/bucket/k',
      'x-amz-source-expected-bucket-owner': expected,
    };
    expect(code(await ask('PUT', '/bucket/copy', { headers: copy }))).toBe(answer);
  });
});

describe('qualified names', () => {
  test('reach what an account has under a name that is another’s bucket', async () => {
    const { ask, core } = await withBucket('BucketOwnerEnforced');
    const theirsCtx = {
      principal: { type: 'user', account: 'AUTH_two', user: 'root', role: 'owner' },
    } as const;
    await core.createContainer(
      theirsCtx,
      { account: 'AUTH_two', container: 'bucket' },
      { claimName: 'if-free', policy: undefined, settings: { read: 'one' } },
    );
    await ask('PUT', '/bucket/k', { ...byOther, body: 'theirs' });
    expect(code(await ask('GET', '/bucket/k'))).toBe('NoSuchKey');
    expect((await ask('GET', '/two:bucket/k')).text).toBe('theirs');
    expect((await ask('GET', '/AUTH_two:bucket/k')).text).toBe('theirs');
    expect(code(await ask('GET', '/:bucket/k', byOther))).toBe('AccessDenied');
    expect(code(await ask('GET', '/three:bucket/k'))).toBe('NoSuchBucket');
    expect(code(await ask('PUT', '/two:bucket/k', { body: 'x' }))).toBe('AccessDenied');
  });
});

import { describe, expect, test } from 'vitest';
import { isStoreError } from '../../../../base/errors.ts';
import type { ContainerRow } from '../../../../server/core/model.ts';
import { micros } from '../../../../base/units.ts';
import { prepareCondition } from '../../../../server/core/access/condition.ts';
import { toCondition } from '../../../../server/s3/policy/condition-operators.ts';
import { createS3Dialect } from '../../../../server/s3/access/dialect.ts';
import { compilePolicy } from '../../../../server/s3/policy/compile.ts';
import { parsePolicyDocument } from '../../../../server/s3/policy/document.ts';
import { type Answer, createHarness, other, users } from '../harness.ts';

const open = {
  newBuckets: { ownership: 'BucketOwnerEnforced', blockPublicAccess: false },
} as const;

type Fields = Readonly<Record<string, unknown>>;

const statement = (more: Fields = {}): Fields => ({
  Effect: 'Allow',
  Principal: '*',
  Action: 's3:GetObject',
  Resource: 'arn:aws:s3:::bucket/*',
  ...more,
});
const policy = (...statements: readonly Fields[]): string =>
  JSON.stringify({ Version: '2012-10-17', Statement: statements });

function codeOf(text: string): string {
  try {
    compilePolicy(parsePolicyDocument(text), { users, bucket: 'bucket' });
    return 'accepted';
  } catch (error) {
    if (!isStoreError(error)) throw error;
    return `${String(error.detail['code'])}: ${error.message}`;
  }
}

describe('the grammar', () => {
  const arn = 'arn:aws:iam::one:root';
  test.each([
    ['a star', statement({ Principal: { AWS: '*' } })],
    [
      'accounts, users, ids',
      statement({ Principal: { AWS: [arn, 'two', 'arn:aws:iam::two:user/x'] } }),
    ],
    ['a canonical id', statement({ Principal: { CanonicalUser: 'id-of-AUTH_two' } })],
    ['a service', statement({ Principal: { Service: 'logging.s3.amazonaws.com' } })],
    [
      'an account that is not there yet',
      statement({ Principal: { AWS: 'arn:aws:iam::later:root' } }),
    ],
    ['actions without case', statement({ Action: ['S3:getobject', 's3:Put*'] })],
    ['NotAction', { ...statement(), Action: undefined, NotAction: 's3:Delete*' }],
    ['NotResource', { ...statement(), Resource: undefined, NotResource: 'arn:aws:s3:::bucket/x*' }],
    [
      'a deny for all but one',
      { ...statement({ Effect: 'Deny' }), Principal: undefined, NotPrincipal: { AWS: arn } },
    ],
    ['every bucket', statement({ Resource: ['arn:aws:s3:::*', '*'] })],
    ['a variable', statement({ Resource: 'arn:aws:s3:::bucket/${aws:username}/*' })],
    [
      'numbers without quotes',
      statement({ Action: 's3:ListBucket', Condition: { NumericLessThan: { 's3:max-keys': 10 } } }),
    ],
    ['Sid', statement({ Sid: 'one' })],
  ])('%s is accepted', (_, fields) => {
    expect(codeOf(policy(fields))).toBe('accepted');
  });

  test.each([
    ['no JSON', '{', 'This policy contains invalid Json'],
    ['no object', '[]', "Policies must be valid JSON and the first byte must be '{'"],
    [
      'a name twice',
      '{"Version":"2012-10-17","Statement":[],"Statement":[]}',
      'This policy contains invalid Json',
    ],
    [
      'another version',
      '{"Version":"2013-01-01","Statement":[]}',
      'The policy must contain a valid version string',
    ],
    ['no statement', '{"Version":"2012-10-17"}', 'Missing required field Statement'],
    ['an empty list', policy(), 'Could not parse the policy: Statement is empty!'],
    ['another field', policy(statement({ Effects: 'Allow' })), 'Unknown field Effects'],
    ['another effect', policy(statement({ Effect: 'allow' })), 'Invalid effect: allow'],
    [
      'no principal',
      policy({ ...statement(), Principal: undefined }),
      'Missing required field Principal',
    ],
    [
      'Allow with NotPrincipal',
      policy({ ...statement(), Principal: undefined, NotPrincipal: { AWS: arn } }),
      'Allow with NotPrincipal is not allowed',
    ],
    [
      'both of a kind',
      policy(statement({ NotAction: 's3:PutObject' })),
      'Statement cannot contain both Action and NotAction',
    ],
    [
      'a role',
      policy(statement({ Principal: { AWS: 'arn:aws:iam::one:role/x' } })),
      'Invalid principal in policy',
    ],
    [
      'an unknown id',
      policy(statement({ Principal: { CanonicalUser: 'x' } })),
      'Invalid principal in policy',
    ],
    [
      'a wildcard in an ARN',
      policy(statement({ Principal: { AWS: 'arn:aws:iam::*:root' } })),
      'Invalid principal in policy',
    ],
    ['another service', policy(statement({ Action: 'iam:GetUser' })), 'Policy has invalid action'],
    [
      'an unknown action',
      policy(statement({ Action: 's3:GetObjects' })),
      'Policy has invalid action',
    ],
    ['an unknown pattern', policy(statement({ Action: 's3:Frob*' })), 'Policy has invalid action'],
    [
      'another bucket',
      policy(statement({ Resource: 'arn:aws:s3:::buckets/*' })),
      'Policy has invalid resource',
    ],
    ['no ARN', policy(statement({ Resource: 'bucket/*' })), 'Policy has invalid resource'],
    [
      'an idle denial',
      policy(statement({ Effect: 'Deny', Resource: 'arn:aws:s3:::bucket' })),
      'Action does not apply to any resource(s) in statement',
    ],
    [
      'an unknown operator',
      policy(statement({ Condition: { StringIs: { 'aws:Referer': 'x' } } })),
      'Invalid Condition type : StringIs',
    ],
    [
      'NullIfExists',
      policy(statement({ Condition: { NullIfExists: { 'aws:Referer': 'true' } } })),
      'Invalid Condition type : NullIfExists',
    ],
    [
      'an unknown quantifier',
      policy(statement({ Condition: { 'ForSome:StringEquals': { 'aws:Referer': 'x' } } })),
      'Invalid Condition type : ForSome:StringEquals',
    ],
    [
      'an unknown key',
      policy(statement({ Condition: { StringEquals: { 's3:color': 'x' } } })),
      'Policy has an invalid condition key',
    ],
    [
      'no address',
      policy(statement({ Condition: { IpAddress: { 'aws:SourceIp': '10.0.0.0/33' } } })),
      'Invalid value for the condition IpAddress: 10.0.0.0/33',
    ],
    [
      'no number',
      policy(statement({ Condition: { NumericEquals: { 's3:max-keys': 'ten' } } })),
      'Invalid value for the condition NumericEquals: ten',
    ],
    [
      'an unknown variable',
      policy(statement({ Resource: 'arn:aws:s3:::bucket/${aws:shoe}' })),
      'Policy has an invalid variable',
    ],
    [
      'more than 20 KB',
      policy(statement({ Sid: 'x'.repeat(20 * 1024) })),
      'Policy exceeds the maximum allowed document size.',
    ],
  ])('%s is refused', (_, text, sentence) => {
    expect(codeOf(text)).toBe(`MalformedPolicy: ${sentence}`);
  });
});

describe('operators', () => {
  type Given = Readonly<Record<string, readonly string[]>>;
  const holds = (operator: string, key: string, values: readonly string[], given: Given): boolean =>
    prepareCondition(toCondition({ operator, key, values }, true))((fact) => given[fact]);
  const ref = 'aws:Referer';
  const ip = 'aws:SourceIp';
  const at = (value: string): Given => ({ referer: [value] });
  const from = (value: string): Given => ({ 'source-ip': [value] });

  test.each<[string, string, readonly string[], Given, boolean]>([
    ['StringEquals', ref, ['a', 'b'], at('b'), true],
    ['StringEquals', ref, ['a*'], at('ab'), false],
    ['StringEquals', ref, ['a'], {}, false],
    ['StringNotEquals', ref, ['a', 'b'], at('b'), false],
    ['StringNotEquals', ref, ['a'], at('c'), true],
    ['StringNotEquals', ref, ['a'], {}, true],
    ['StringEqualsIfExists', ref, ['a'], {}, true],
    ['StringEqualsIfExists', ref, ['a'], at('b'), false],
    ['StringEqualsIgnoreCase', ref, ['A'], at('a'), true],
    ['StringNotEqualsIgnoreCase', ref, ['A'], at('a'), false],
    ['StringLike', ref, ['http://*.example.com/?'], at('http://a.b.example.com/x'), true],
    ['StringLike', ref, ['http://*.example.com/?'], at('http://example.com/x'), false],
    ['StringLike', ref, ['${*}x'], at('*x'), true],
    ['StringLike', ref, ['${*}x'], at('yx'), false],
    ['StringNotLike', ref, ['x*'], at('xy'), false],
    ['StringEquals', ref, ['${aws:username}'], { ...at('bob'), 's3:user-name': ['bob'] }, true],
    ['StringEquals', ref, ["${aws:username, 'no one'}"], at('no one'), true],
    ['StringEquals', ref, ['${aws:username}'], at('${aws:username}'), false],
    ['NumericLessThan', 's3:max-keys', ['10'], { 'list.limit': ['9'] }, true],
    ['NumericLessThan', 's3:max-keys', ['10'], { 'list.limit': ['10'] }, false],
    ['NumericLessThanEquals', 's3:max-keys', ['10'], { 'list.limit': ['10'] }, true],
    ['NumericGreaterThan', 's3:max-keys', ['10'], { 'list.limit': ['x'] }, false],
    ['NumericGreaterThanEquals', 's3:max-keys', ['10'], { 'list.limit': ['10'] }, true],
    ['NumericEquals', 's3:max-keys', ['10'], { 'list.limit': ['10.0'] }, true],
    ['NumericNotEquals', 's3:max-keys', ['10'], {}, true],
    [
      'DateLessThan',
      'aws:CurrentTime',
      ['2030-01-01T00:00:00Z'],
      { time: ['2029-12-31T23:59:59.000Z'] },
      true,
    ],
    [
      'DateGreaterThan',
      'aws:CurrentTime',
      ['2030-01-01'],
      { time: ['2029-12-31T23:59:59.000Z'] },
      false,
    ],
    ['DateLessThanEquals', 'aws:EpochTime', ['1900000000'], { epoch: ['1900000000'] }, true],
    [
      'DateEquals',
      'aws:CurrentTime',
      ['2030-01-01T01:00:00+01:00'],
      { time: ['2030-01-01T00:00:00.000Z'] },
      true,
    ],
    ['DateNotEquals', 'aws:CurrentTime', ['2030-01-01'], { time: ['2030-01-02'] }, true],
    ['Bool', 'aws:SecureTransport', ['false'], { secure: ['false'] }, true],
    ['Bool', 'aws:SecureTransport', ['True'], { secure: ['true'] }, true],
    ['Bool', 'aws:SecureTransport', ['true'], { secure: ['false'] }, false],
    ['BinaryEquals', ref, ['YQ=='], at('YQ'), true],
    ['IpAddress', ip, ['10.0.0.0/8'], from('10.1.2.3'), true],
    ['IpAddress', ip, ['10.0.0.0/8'], from('11.1.2.3'), false],
    ['IpAddress', ip, ['10.1.2.3'], from('::ffff:10.1.2.3'), true],
    ['IpAddress', ip, ['2001:db8::/32'], from('2001:db8:1::1'), true],
    ['IpAddress', ip, ['2001:db8::/32'], from('2001:db9::1'), false],
    ['IpAddress', ip, ['0.0.0.0/0'], from('::1'), false],
    ['NotIpAddress', ip, ['10.0.0.0/8', '192.168.0.0/16'], from('192.168.9.9'), false],
    [
      'ArnLike',
      'aws:PrincipalArn',
      ['arn:aws:iam::*:user/b*'],
      { 's3:principal-arn': ['arn:aws:iam::one:user/bob:x'] },
      true,
    ],
    [
      'ArnLike',
      'aws:PrincipalArn',
      ['arn:aws:*:user/bob'],
      { 's3:principal-arn': ['arn:aws:iam::one:user/bob'] },
      false,
    ],
    [
      'ArnEquals',
      'aws:PrincipalArn',
      ['arn:aws:iam::one:user/bob'],
      { 's3:principal-arn': ['arn:aws:iam::one:user/bob'] },
      true,
    ],
    ['ArnNotLike', 'aws:PrincipalArn', ['arn:aws:iam::one:*'], {}, true],
    ['Null', ref, ['true'], {}, true],
    ['Null', ref, ['true'], at('a'), false],
    ['Null', ref, ['false'], at('a'), true],
    [
      'ForAllValues:StringEquals',
      's3:RequestObjectTagKeys',
      ['a', 'b'],
      { 'request-tag-keys': ['a'] },
      true,
    ],
    [
      'ForAllValues:StringEquals',
      's3:RequestObjectTagKeys',
      ['a', 'b'],
      { 'request-tag-keys': ['a', 'c'] },
      false,
    ],
    ['ForAllValues:StringEquals', 's3:RequestObjectTagKeys', ['a'], {}, true],
    [
      'ForAnyValue:StringEquals',
      's3:RequestObjectTagKeys',
      ['a'],
      { 'request-tag-keys': ['a', 'c'] },
      true,
    ],
    ['ForAnyValue:StringEquals', 's3:RequestObjectTagKeys', ['a'], {}, false],
    [
      'ForAnyValue:StringNotEquals',
      's3:RequestObjectTagKeys',
      ['a'],
      { 'request-tag-keys': ['a', 'c'] },
      true,
    ],
    [
      'ForAllValues:StringNotEquals',
      's3:RequestObjectTagKeys',
      ['a'],
      { 'request-tag-keys': ['a', 'c'] },
      false,
    ],
  ])('%s %s %j of %j: %s', (operator, key, values, given, expected) => {
    expect(holds(operator, key, values, given)).toBe(expected);
  });
});

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

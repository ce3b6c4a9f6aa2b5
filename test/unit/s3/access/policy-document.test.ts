import { describe, expect, test } from 'vitest';
import { isStoreError } from '../../../../base/errors.ts';
import { prepareCondition } from '../../../../server/core/access/condition.ts';
import { toCondition } from '../../../../server/s3/policy/condition-operators.ts';
import { compilePolicy } from '../../../../server/s3/policy/compile.ts';
import { parsePolicyDocument } from '../../../../server/s3/policy/document.ts';
import { users } from '../harness.ts';
import { policy, statement } from './policy-scene.ts';

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
    ['no object', 'policy', "Policies must be valid JSON and the first byte must be '{'"],
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

/** What clients write as policies and lists: read, or refused by StoreError or Refusal, and nothing else. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isStoreError } from '../../base/errors.ts';
import { compilePolicy } from '../../server/s3/policy/compile.ts';
import { parsePolicyDocument } from '../../server/s3/policy/document.ts';
import { readStoredAcl } from '../../server/s3/acl/grants.ts';
import { aclOfDocument, aclOfHeaders } from '../../server/s3/acl/request.ts';
import { RequestHeaders } from '../../server/s3/request-headers.ts';
import { parseXml } from '../../server/s3/xml/reader.ts';
import { cleanAccountAcl, accountAclRules } from '../../server/swift/access/account-acl.ts';
import { cleanAcl, readStatements, writeStatements } from '../../server/swift/access/acl.ts';
import { Refusal } from '../../server/swift/reply.ts';
import { users } from '../unit/s3/harness.ts';

const text = fc.string({ unit: 'binary', maxLength: 40 });

function quietly(use: () => unknown): void {
  try {
    use();
  } catch (error) {
    if (!isStoreError(error) && !(error instanceof Refusal)) throw error;
  }
}

const words = fc.oneof(
  fc.constantFrom(
    '*',
    's3:*',
    's3:GetObject',
    'arn:aws:s3:::bucket/*',
    'arn:aws:s3:::*',
    'arn:aws:iam::one:root',
    'Allow',
    'Deny',
    '2012-10-17',
    '${aws:username}',
    '${',
    '10.0.0.0/8',
    'true',
    '__proto__',
    'constructor',
  ),
  text,
);
const names = fc.constantFrom(
  ...['Version', 'Id', 'Statement', 'Sid', 'Effect', 'Principal', 'NotPrincipal', 'Action'],
  ...['NotAction', 'Resource', 'NotResource', 'Condition', 'AWS', 'CanonicalUser', 'Service'],
  ...['StringLike', 'ForAllValues:StringEqualsIfExists', 'IpAddress', 'Null', 'aws:SourceIp'],
  ...['s3:prefix', 's3:ExistingObjectTag/', '__proto__', 'toString'],
);
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    words,
    fc.constant(null),
    fc.integer(),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(names, tie('value'), { maxKeys: 6 }),
  ),
})).value;

/** A statement that is nearly right. */
const statement = fc.record({
  Effect: fc.constantFrom('Allow', 'Deny'),
  Principal: fc.oneof(fc.constant('*'), json),
  Action: fc.oneof(fc.constant('s3:*'), json),
  Resource: fc.oneof(fc.constant('arn:aws:s3:::bucket/*'), json),
  Condition: json,
});

test('policies', () => {
  const documents = fc.oneof(
    text,
    json.map((value) => JSON.stringify(value)),
    fc.array(statement, { maxLength: 2 }).map((Statement) => JSON.stringify({ Statement })),
  );
  fc.assert(
    fc.property(documents, (document) => {
      quietly(() => compilePolicy(parsePolicyDocument(document), { users, bucket: 'bucket' }));
    }),
    { seed: 1, numRuns: 2000 },
  );
});

test('lists of S3', () => {
  const headers = fc.constantFrom(
    'x-amz-acl',
    'x-amz-grant-read',
    'x-amz-grant-write-acp',
    'x-amz-grant-full-control',
  );
  const values = fc.oneof(
    text,
    fc.constantFrom('id=', 'id="', 'uri="x",', ',,', '=', '"="', 'private', '__proto__'),
  );
  fc.assert(
    fc.property(headers, values, values, (name, one, two) => {
      quietly(() => aclOfHeaders(new RequestHeaders([name, one + two]), users));
    }),
    { seed: 1, numRuns: 1000 },
  );
  const pieces = fc.constantFrom(
    ...['<Owner>', '</Owner>', '<ID>', '</ID>', '<AccessControlList>', '</AccessControlList>'],
    ...['<Grant>', '</Grant>', '<Grantee>', '</Grantee>', '<Permission>READ</Permission>', 'x'],
    ...['<URI>', '</URI>', '<EmailAddress/>', '<ID>id-of-AUTH_one</ID>'],
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 20 }), (parts) => {
      const body = `<AccessControlPolicy>${parts.join('')}</AccessControlPolicy>`;
      quietly(() => aclOfDocument(parseXml(Buffer.from(body), 'AccessControlPolicy'), users));
    }),
    { seed: 1, numRuns: 1000 },
  );
  fc.assert(
    fc.property(
      fc.oneof(
        text,
        json.map((value) => JSON.stringify(value)),
      ),
      (stored) => {
        expect(Array.isArray(readStoredAcl(stored, 'AUTH_one'))).toBe(true);
      },
    ),
    { seed: 1 },
  );
});

test('ACLs of Swift', () => {
  const items = fc.oneof(
    text,
    fc.constantFrom('.r:*', '.rlistings', '.r:-', '.x:', ',', ':', '.r:.', '%', '%zz', 'a:b'),
  );
  fc.assert(
    fc.property(fc.array(items, { maxLength: 5 }), (parts) => {
      const acl = parts.join(',');
      quietly(() => readStatements(cleanAcl('read', acl)));
      quietly(() => writeStatements(cleanAcl('write', acl)));
    }),
    { seed: 1, numRuns: 1000 },
  );
  fc.assert(
    fc.property(
      fc.oneof(
        text,
        json.map((value) => JSON.stringify(value)),
      ),
      (acl) => {
        quietly(() => cleanAccountAcl(acl));
        quietly(() => accountAclRules(acl));
      },
    ),
    { seed: 1, numRuns: 1000 },
  );
});

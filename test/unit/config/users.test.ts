import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadSettings } from '../../../server/config/settings.ts';
import { createUserDirectory } from '../../../server/config/users.ts';

const path = join(import.meta.dirname, '..', '..', 'conformance', 'users.json');
const file: unknown = JSON.parse(readFileSync(path, 'utf8'));
const settings = loadSettings({ file: { ...Object(file) }, environment: {}, flags: {} });
const directory = createUserDirectory(settings.users);

describe('the users of the conformance runners', () => {
  it.each([
    ['TORCS3TESTMAIN000001', 'torcS3testMainSecret0000000000000000001', 's3main'],
    ['TORCS3TESTALT0000002', 'torcS3testAltSecret00000000000000000002', 's3alt'],
    ['TORCS3TESTTENANT0003', 'torcS3testTenantSecret000000000000000003', 's3tenant'],
    ['TORCS3TESTIAM0000004', 'torcS3testIamSecret00000000000000000004', 's3iam'],
    ['TORCS3TESTROOT000005', 'torcS3testRootSecret0000000000000000005', 's3root'],
    ['TORCS3TESTALTROOT006', 'torcS3testAltRootSecret000000000000000006', 's3altroot'],
  ])('has %s', (accessKeyId, secretAccessKey, id) => {
    const found = directory.byAccessKey(accessKeyId);
    expect(found?.secretAccessKey).toBe(secretAccessKey);
    expect(found?.entry).toMatchObject({ canonicalId: id, displayName: id, role: 'owner' });
  });

  it.each([
    ['test:tester', 'testing', 'owner'],
    ['test:tester2', 'testing2', 'owner'],
    ['test:tester3', 'testing3', 'member'],
    ['test2:tester2', 'testing2', 'owner'],
    ['test5:tester5', 'testing5', undefined],
    ['admin:admin', 'admin', 'reseller'],
  ])('has the Swift user %s', (login, key, role) => {
    const found = directory.byLogin(login);
    expect(found?.swift?.key).toBe(key);
    expect(found?.account).toBe(`AUTH_${login.split(':')[0]}`);
    if (role !== undefined) expect(found?.role).toBe(role);
  });

  it.each([
    ['test:tester', 'testing'],
    ['test:tester2', 'testing2'],
    ['test:tester3', 'testing3'],
  ])('lets %s sign for S3', (accessKeyId, secret) => {
    expect(directory.byAccessKey(accessKeyId)?.secretAccessKey).toBe(secret);
  });
});

/** Facts 27 to 30: deletions, versions and locks. */
import { expect } from 'vitest';
import {
  type Answer,
  type Ask,
  all,
  ask,
  fact,
  md5Base64,
  newBucket,
  one,
  outcome,
  setVersioning,
  useTarget,
} from './target.ts';

useTarget();

function removal(keys: readonly string[], more = ''): string {
  const objects = keys.map((key) => `<Object><Key>${key}</Key></Object>`);
  return `<Delete>${more}${objects.join('')}</Delete>`;
}

function removeAll(bucket: string, body: string, headers: Record<string, string>): Promise<Answer> {
  return ask('POST', `/${bucket}`, { query: { delete: '' }, body, headers });
}

fact(27, 'DeleteObjects: a thousand keys, absent ones too, quiet, with a digest', async () => {
  const bucket = await newBucket();
  const remove = (body: string): Promise<Answer> =>
    removeAll(bucket, body, { 'content-md5': md5Base64(body) });
  const many = removal(Array.from({ length: 1001 }, (_, index) => `k${index}`));
  expect(outcome(await remove(many))).toEqual([400, 'MalformedXML']);
  await ask('PUT', `/${bucket}/a`, { body: 'x' });
  const both = await remove(removal(['a', 'absent']));
  expect([both.status, all(both.text, 'Key')]).toEqual([200, ['a', 'absent']]);
  const quiet = await remove(removal(['a'], '<Quiet>true</Quiet>'));
  expect([quiet.status, quiet.text.includes('<Deleted>')]).toEqual([200, false]);
  const bare = await removeAll(bucket, removal(['a']), {});
  expect(outcome(bare)).toEqual([400, 'InvalidRequest']);
});

fact(28, 'null versions, markers, and what a GET of each says', async () => {
  const bucket = await newBucket();
  const path = `/${bucket}/k`;
  const versions = async (): Promise<string[]> =>
    all((await ask('GET', `/${bucket}`, { query: { versions: '' } })).text, 'VersionId');
  await ask('PUT', path, { body: 'before' });
  await setVersioning(bucket, 'Enabled');
  const { headers } = await ask('PUT', path, { body: 'named' });
  const id = headers.get('x-amz-version-id') ?? '';
  expect(await versions()).toEqual([id, 'null']);
  expect((await ask('GET', path, { query: { versionId: 'null' } })).text).toBe('before');
  await setVersioning(bucket, 'Suspended');
  await ask('PUT', path, { body: 'suspended' });
  expect(await versions()).toEqual(['null', id]);
  expect((await ask('GET', path, { query: { versionId: 'null' } })).text).toBe('suspended');
  await ask('DELETE', path);
  expect(await versions()).toEqual(['null', id]);
  await setVersioning(bucket, 'Enabled');
  const marker = await ask('DELETE', path);
  await ask('DELETE', path);
  expect(await versions()).toHaveLength(4);
  const plain = await ask('GET', path);
  expect([...outcome(plain), plain.headers.get('x-amz-delete-marker')]).toEqual([
    404,
    'NoSuchKey',
    'true',
  ]);
  const markerId = marker.headers.get('x-amz-version-id') ?? '';
  const named = await ask('GET', path, { query: { versionId: markerId } });
  expect([...outcome(named), named.headers.get('x-amz-delete-marker')]).toEqual([
    405,
    'MethodNotAllowed',
    'true',
  ]);
  const bad = await ask('GET', path, { query: { versionId: 'no such id' } });
  expect(outcome(bad)).toEqual([400, 'InvalidArgument']);
});

fact(29, 'a bucket that holds only old versions is not empty', async () => {
  const bucket = await newBucket();
  await setVersioning(bucket, 'Enabled');
  await ask('PUT', `/${bucket}/k`, { body: 'x' });
  await ask('DELETE', `/${bucket}/k`);
  const refused = await ask('DELETE', `/${bucket}`);
  expect([...outcome(refused), one(refused.text, 'Message')]).toEqual([
    409,
    'BucketNotEmpty',
    'The bucket you tried to delete is not empty. You must delete all versions in the bucket.',
  ]);
});

fact(30, 'locked versions stay; markers, bypass and compliance', async () => {
  const bucket = await newBucket({ 'x-amz-bucket-object-lock-enabled': 'true' });
  const path = `/${bucket}/k`;
  const until = (seconds: number): string => new Date(Date.now() + seconds * 1000).toISOString();
  const put = async (mode: string): Promise<string> => {
    const headers = {
      'x-amz-object-lock-mode': mode,
      // Short, so that the bucket can be emptied soon.
      'x-amz-object-lock-retain-until-date': until(20),
      'content-md5': md5Base64('x'),
    };
    return (await ask('PUT', path, { body: 'x', headers })).headers.get('x-amz-version-id') ?? '';
  };
  const governance = await put('GOVERNANCE');
  const compliance = await put('COMPLIANCE');
  const bypass = { headers: { 'x-amz-bypass-governance-retention': 'true' } };
  const remove = (versionId: string, more: Ask = {}): Promise<Answer> =>
    ask('DELETE', path, { query: { versionId }, ...more });
  expect(outcome(await remove(governance))).toEqual([403, 'AccessDenied']);
  expect((await ask('DELETE', path)).headers.get('x-amz-delete-marker')).toBe('true');
  expect((await remove(governance, bypass)).status).toBe(204);
  expect(outcome(await remove(compliance, bypass))).toEqual([403, 'AccessDenied']);
  const retain = (seconds: number): Promise<Answer> =>
    ask('PUT', path, {
      query: { retention: '', versionId: compliance },
      body: `<Retention><Mode>COMPLIANCE</Mode><RetainUntilDate>${until(seconds)}</RetainUntilDate></Retention>`,
      ...bypass,
    });
  expect(outcome(await retain(5))).toEqual([403, 'AccessDenied']);
  expect((await retain(30)).status).toBe(200);
  // 409 as Amazon's documents have it; another project's tests say 400.
  expect(outcome(await setVersioning(bucket, 'Suspended'))).toEqual([409, 'InvalidBucketState']);
});

import { describe, expect, test } from 'vitest';
import { createCore } from '../../../../server/core/core.ts';
import { silentLogger } from '../../../../base/log.ts';
import { createMemoryPorts, ManualClock, seededRandom } from '../../../memory/ports.ts';
import { createHarness, type Harness } from '../harness.ts';

const body = 'x'.repeat(20_000);
const ofClass = (name: string) => ({ 'x-amz-storage-class': name });

async function started(): Promise<Harness> {
  const harness = createHarness();
  await harness.ask('PUT', '/bucket');
  const ask: Harness['ask'] = (method, path, rest) => {
    const [place = '', query = ''] = path.split('?');
    const parameters = Object.fromEntries(new URLSearchParams(query));
    return harness.ask(method, place, { ...rest, query: parameters });
  };
  return { ...harness, ask };
}

/** The policy that the bytes of the current version, or of its first part, are under. */
async function policyOf({ core }: Harness, key: string): Promise<string | undefined> {
  const principal = { type: 'user', account: 'AUTH_one', user: 'one', role: 'owner' } as const;
  const address = { account: undefined, container: 'bucket', key };
  const reader = await core.openObject({ principal }, { ...address, condition: {} });
  const part = (await reader.parts(0, 1))?.parts[0];
  const ref = part?.body ?? reader.row.body;
  return ref.type === 'stored' ? ref.stored.policy : undefined;
}

describe('storage classes', () => {
  test('name the policy of an object, and show in replies and listings', async () => {
    const harness = await started();
    const { ask } = harness;
    for (const [key, name, policy] of [
      ['a', 'STANDARD', 'ec:4+2'],
      ['b', 'REDUCED_REDUNDANCY', 'replica:3'],
      ['c', 'STANDARD_IA', 'ec:4+2'],
    ] as const) {
      expect((await ask('PUT', `/bucket/${key}`, { body, headers: ofClass(name) })).status).toBe(
        200,
      );
      expect(await policyOf(harness, key)).toBe(policy);
      const shown = name === 'STANDARD' ? undefined : name;
      expect((await ask('HEAD', `/bucket/${key}`)).headers.get('x-amz-storage-class')).toBe(shown);
      expect((await ask('GET', `/bucket/${key}`)).headers.get('x-amz-storage-class')).toBe(shown);
    }
    for (const path of ['/bucket', '/bucket?list-type=2', '/bucket?versions']) {
      const { text } = await ask('GET', path);
      const classes = [...text.matchAll(/<StorageClass>(\w+)</g)].map(([, name]) => name);
      expect(classes).toEqual(['STANDARD', 'REDUCED_REDUNDANCY', 'STANDARD_IA']);
    }
    const headers = { 'x-amz-object-attributes': 'StorageClass' };
    const { text } = await ask('GET', '/bucket/c?attributes', { headers });
    expect(text).toContain('<StorageClass>STANDARD_IA</StorageClass>');
  });

  test('that are not configured, and what is none, are refused before the body is read', async () => {
    const { ask } = await started();
    for (const name of ['ONEZONE_IA', 'standard_ia', 'ODD', '']) {
      const answer = await ask('PUT', '/bucket/k', { body, headers: ofClass(name) });
      expect([answer.status, answer.code]).toEqual([400, 'InvalidStorageClass']);
    }
    const upload = await ask('POST', '/bucket/k?uploads', { headers: ofClass('ODD') });
    expect(upload.code).toBe('InvalidStorageClass');
    expect((await ask('HEAD', '/bucket/k')).status).toBe(404);
  });

  test('of an upload are those of its parts and of the object', async () => {
    const harness = await started();
    const { ask } = harness;
    const { text } = await ask('POST', '/bucket/k?uploads', { headers: ofClass('STANDARD_IA') });
    const id = /<UploadId>(\w+)</.exec(text)?.[1] ?? '';
    const copies = await ask('POST', '/bucket/l?uploads', {
      headers: ofClass('REDUCED_REDUNDANCY'),
    });
    const other = /<UploadId>(\w+)</.exec(copies.text)?.[1] ?? '';
    const etag = (
      await ask('PUT', `/bucket/l?uploadId=${other}&partNumber=1`, { body })
    ).headers.get('etag');
    expect((await ask('GET', `/bucket/k?uploadId=${id}`)).text).toContain('STANDARD_IA');
    expect((await ask('GET', '/bucket?uploads')).text).toMatch(/STANDARD_IA.*REDUCED_REDUNDANCY/);
    const list = `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>${etag}</ETag></Part></CompleteMultipartUpload>`;
    expect((await ask('POST', `/bucket/l?uploadId=${other}`, { body: list })).status).toBe(200);
    expect(await policyOf(harness, 'l')).toBe('replica:3');
    const head = await ask('HEAD', '/bucket/l');
    expect(head.headers.get('x-amz-storage-class')).toBe('REDUCED_REDUNDANCY');
  });

  test('of a copy are its own, also where that is all that changes', async () => {
    const harness = await started();
    const { ask } = harness;
    await ask('PUT', '/bucket/a', { body, headers: ofClass('REDUCED_REDUNDANCY') });
    const copy = (key: string, headers: Record<string, string>) =>
      ask('PUT', `/bucket/${key}`, { headers: { 'x-amz-copy-source': '/bucket/a', ...headers } });
    expect((await copy('b', {})).status).toBe(200);
    expect(await policyOf(harness, 'b')).toBe('ec:4+2');
    expect((await copy('a', {})).code).toBe('InvalidRequest');
    expect((await copy('a', ofClass('STANDARD_IA'))).status).toBe(200);
    expect((await ask('HEAD', '/bucket/a')).headers.get('x-amz-storage-class')).toBe('STANDARD_IA');
    expect(await policyOf(harness, 'a')).toBe('ec:4+2');
  });

  test('must name policies that are there', () => {
    const clock = new ManualClock();
    const random = seededRandom('classes');
    const storageClasses = [{ name: 'COLD', policy: 'none', isArchive: false }];
    const ports = createMemoryPorts({ clock, random });
    const make = () =>
      createCore({ ...ports, clock, random, logger: silentLogger, storageClasses });
    expect(make).toThrow(/storage class COLD: there is no policy none/);
  });
});

import { beforeEach, describe, expect, test } from 'vitest';
import { isStoreError } from '../../../../base/errors.ts';
import type { Principal } from '../../../../server/core/api.ts';
import type { RequestContext } from '../../../../server/core/request.ts';
import { isBucketName } from '../../../../server/core/limits.ts';
import {
  type Fixture,
  account,
  createContainer,
  createFixture,
  kindOf,
  owner,
  pageQuery,
  putCommand,
  stranger,
  text,
  bodyOf,
} from '../fixture.ts';

let fixture: Fixture;
const address = { account, container: 'c' };
const bucket = { account: undefined, container: 'shared-name' };
const options = { claimName: 'required', policy: undefined, settings: {} } as const;

beforeEach(() => {
  fixture = createFixture();
});

function as(role: Principal['role'], of: string): RequestContext {
  return { principal: { type: 'user', account: of, user: 'u', role } };
}
const anonymous: RequestContext = {
  principal: { type: 'anonymous', account: '', user: '', role: 'member' },
};

describe('access', () => {
  test.each([
    ['the owner', as('owner', account), 'fulfilled'],
    ['a reseller', as('reseller', 'AUTH_admin'), 'fulfilled'],
    ['a member', as('member', account), 'access-denied'],
    ['the owner of another account', stranger, 'access-denied'],
    ['nobody', anonymous, 'unauthenticated'],
  ])('%s', async (_who, ctx, expected) => {
    const { core } = fixture;
    await createContainer(core, 'c');
    await core.putObject(owner, putCommand('c', 'k', text('x')));
    const at = { ...address, key: 'k', condition: {} };
    const calls = [
      core.headAccount(ctx, account),
      core.updateAccount(ctx, account, { a: 'b' }),
      core.listContainers(ctx, account, pageQuery()),
      core.createContainer(ctx, { account, container: 'new' }, options),
      core.headContainer(ctx, address),
      core.updateContainer(ctx, address, { settings: {} }),
      core.listObjects(ctx, address, pageQuery()),
      core.listVersions(ctx, address, pageQuery()),
      core.listUploads(ctx, address, pageQuery()),
      core.openObject(ctx, at),
      core.putObject(ctx, putCommand('c', 'l', text('y'))),
      core.updateObject(ctx, at, { user: {} }),
      core.deleteObject(ctx, at),
    ];
    for (const call of calls) expect(await kindOf(call)).toBe(expected);
  });

  test('whether a container of another account exists is not told', async () => {
    const absent = { account, container: 'absent' };
    expect(await kindOf(fixture.core.headContainer(stranger, absent))).toBe('access-denied');
    expect(await kindOf(fixture.core.headContainer(owner, absent))).toBe('no-such-container');
  });
});

describe('bucket names', () => {
  test("mean the caller's own container first, then the owner of the name", async () => {
    const { core } = fixture;
    const mine = { account, container: bucket.container };
    expect((await core.createContainer(owner, mine, options)).created).toBe(true);
    expect((await core.createContainer(owner, mine, options)).created).toBe(false);
    const theirs = { account: 'AUTH_other', container: bucket.container };
    expect(await kindOf(core.createContainer(stranger, theirs, options))).toBe('name-taken');
    expect(await kindOf(core.headContainer(stranger, bucket))).toBe('access-denied');
    const swift = { ...options, claimName: 'if-free' } as const;
    await core.createContainer(stranger, theirs, swift);
    expect((await core.headContainer(stranger, bucket)).row.account).toBe('AUTH_other');
    expect((await core.headContainer(owner, bucket)).row.account).toBe(account);
    const reseller = as('reseller', 'AUTH_admin');
    expect((await core.headContainer(reseller, bucket)).row.account).toBe(account);
    expect(await kindOf(core.headContainer(owner, { ...bucket, container: 'none' }))).toBe(
      'no-such-container',
    );
  });

  test('are claimed by Swift containers that may be buckets, and freed with them', async () => {
    const { core, rows } = fixture;
    await createContainer(core, 'may-be-one');
    await createContainer(core, 'No Bucket');
    expect(rows.rowsOf('bucketName')).toHaveLength(1);
    await core.deleteContainer(owner, { account, container: 'may-be-one' });
    expect(rows.rowsOf('bucketName')).toEqual([]);
    const theirs = { account: 'AUTH_other', container: 'may-be-one' };
    expect((await core.createContainer(stranger, theirs, options)).created).toBe(true);
  });

  test.each([
    ['abc', true],
    ['a.b-c', true],
    ['a'.repeat(63), true],
    ['ab', false],
    ['a'.repeat(64), false],
    ['Abc', false],
    ['a..b', false],
    ['-abc', false],
    ['abc-', false],
    ['1.2.3.4', false],
  ])('%s: %s', (name, expected) => {
    expect(isBucketName(name)).toBe(expected);
  });
});

test('a name means the new container as soon as the old one is deleted', async () => {
  const { core } = fixture;
  const first = await createContainer(core, 'c');
  const other = createFixture(() => fixture.rows);
  expect((await other.core.headContainer(owner, address)).containerId).toBe(first);
  await core.deleteContainer(owner, address);
  expect(await kindOf(other.core.headContainer(owner, address))).toBe('no-such-container');
  const second = await createContainer(core, 'c');
  expect((await other.core.headContainer(owner, address)).containerId).toBe(second);
});

test('what a deletion that was cut short leaves is cleaned by whoever meets it', async () => {
  const { core, rows } = fixture;
  const containerId = await createContainer(core, 'ccc');
  await rows.execute({ type: 'container.delete', containerId });
  const cut = createFixture(() => rows);
  expect((await cut.core.listContainers(owner, account, pageQuery())).items).toEqual([]);
  expect(await kindOf(cut.core.headContainer(owner, { account, container: 'ccc' }))).toBe(
    'no-such-container',
  );
  expect(rows.rowsOf('directory')).toEqual([]);
  expect(rows.rowsOf('bucketName')).toEqual([]);
});

test('only an empty container can be deleted, and what is left is told', async () => {
  const { core } = fixture;
  await createContainer(core, 'c', 'enabled');
  await core.putObject(owner, putCommand('c', 'k', text('x')));
  const deletion = async (): Promise<unknown> => {
    const error: unknown = await core.deleteContainer(owner, address).catch((e: unknown) => e);
    return isStoreError(error, 'container-not-empty') ? error.detail : error;
  };
  expect(await deletion()).toMatchObject({ versionsLeft: false });
  await core.deleteObject(owner, { ...address, key: 'k', condition: {} });
  expect(await deletion()).toMatchObject({ versionsLeft: true, uploadsLeft: false });
});

test('uploads that were never completed go with their container', async () => {
  const { core, rows } = fixture;
  await createContainer(core, 'c');
  const begin = { contentType: '', system: {}, user: {} };
  const uploadIds: string[] = [];
  for (const key of ['a', 'a', 'b']) {
    const { uploadId } = await core.createUpload(owner, { ...address, key, ...begin });
    const body = bodyOf(text('x'));
    await core.putPart(owner, { ...address, key, uploadId, partNumber: 1, body });
    uploadIds.push(uploadId);
  }
  await core.deleteContainer(owner, address);
  expect(rows.rowsOf('upload')).toEqual([]);
  const [uploadId = ''] = uploadIds;
  const late = { ...address, key: 'a', uploadId, partNumber: 2, body: bodyOf(text('y')) };
  expect(await kindOf(core.putPart(owner, late))).toBe('no-such-container');
  await createContainer(core, 'c');
  expect((await core.listUploads(owner, address, pageQuery())).items).toEqual([]);
});

test('settings and metadata are patched within their limits', async () => {
  const { core, clock } = fixture;
  await createContainer(core, 'c');
  await core.updateContainer(owner, address, { settings: { 'meta:a': '1', 's3:cors': 'x' } });
  clock.advance(1000);
  await core.updateContainer(owner, address, { settings: { 'meta:a': null, 'meta:b': '2' } });
  const { row } = await core.headContainer(owner, address);
  expect(row.settings).toEqual({ 's3:cors': 'x', 'meta:b': '2' });
  expect(row.modifiedAt).toBeGreaterThan(row.createdAt);
  const tooLong = { 'meta:c': 'x'.repeat(4096) };
  const refused = core.updateContainer(owner, address, { settings: tooLong });
  expect(await kindOf(refused)).toBe('metadata-too-large');
  const many = Object.fromEntries(Array.from({ length: 91 }, (_, n) => [`m${n}`, '']));
  expect(await kindOf(core.updateAccount(owner, account, many))).toBe('metadata-too-large');
  await core.updateAccount(owner, account, { m: 'value' });
  expect(await core.headAccount(owner, account)).toMatchObject({
    exists: true,
    metadata: { m: 'value' },
    usage: { containers: 1, objects: 0, bytes: 0 },
  });
  expect(await core.headAccount(stranger, 'AUTH_other')).toMatchObject({ exists: false });
});

test('unknown policies and bad names are refused', async () => {
  const { core } = fixture;
  const create = (container: string, policy?: string): Promise<string> =>
    kindOf(core.createContainer(owner, { account, container }, { ...options, policy }));
  expect(await create('c', 'gold')).toBe('invalid-argument');
  expect(await create('c', 'replica:3')).toBe('fulfilled');
  expect(await create('')).toBe('invalid-argument');
  expect(await create('a/b')).toBe('invalid-argument');
  expect(await create('x'.repeat(257))).toBe('name-too-long');
});

test('containers are listed with their sums, in pages, both ways', async () => {
  const { core } = fixture;
  for (const name of ['b', 'a', 'c/', 'd']) {
    if (name !== 'c/') await createContainer(core, name);
  }
  await core.putObject(owner, putCommand('b', 'k', text('12345')));
  const names = async (query: Parameters<typeof pageQuery>[0]): Promise<string[]> => {
    const page = await core.listContainers(owner, account, pageQuery(query));
    return page.items.map((item) => item.name).concat(page.truncated ? ['...'] : []);
  };
  expect(await names({})).toEqual(['a', 'b', 'd']);
  expect(await names({ limit: 2 })).toEqual(['a', 'b', '...']);
  expect(await names({ limit: 2, after: 'a' })).toEqual(['b', 'd']);
  expect(await names({ limit: 2, reverse: true })).toEqual(['d', 'b', '...']);
  expect(await names({ limit: 0 })).toEqual([]);
  const page = await core.listContainers(owner, account, pageQuery({ prefix: 'b' }));
  expect(page.items).toMatchObject([{ row: { usage: { objects: 1, bytes: 5 } } }]);
});

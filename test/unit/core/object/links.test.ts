import { describe, expect, it } from 'vitest';
import type { Core, GetObject } from '../../../../server/core/api.ts';
import { isStoreError } from '../../../../base/errors.ts';
import {
  account,
  createContainer,
  createFixture,
  kindOf,
  owner,
  pageQuery,
  putCommand,
  readAll,
  stranger,
  text,
} from '../fixture.ts';

const at = (key: string): { account: string; container: string; key: string } => ({
  account,
  container: 'c',
  key,
});

function link(core: Core, key: string, to: string, etag?: string): ReturnType<Core['putLink']> {
  return core.putLink(owner, {
    ...at(key),
    link: { container: 'c', key: to, ...(etag === undefined ? {} : { etag }) },
    ...{ contentType: undefined, system: {}, user: { of: 'link' }, condition: {} },
  });
}

async function started(): Promise<Core> {
  const { core } = createFixture();
  await createContainer(core, 'c');
  await core.putObject(owner, putCommand('c', 'target', text('content')));
  return core;
}

const open = (core: Core, key: string, more: Partial<GetObject> = {}) =>
  core.openObject(owner, { ...at(key), condition: {}, ...more });

describe('a link', () => {
  it('reads as what it names, by either name of its container', async () => {
    const core = await started();
    await link(core, 'l1', 'target');
    await link(core, 'l2', 'l1');
    for (const address of [at('l2'), { ...at('l2'), account: undefined }]) {
      const reader = await core.openObject(owner, { ...address, condition: {} });
      expect((await readAll(reader)).toString()).toBe('content');
      expect(reader.row.user).toEqual({});
      expect(reader.target).toMatchObject(at('target'));
    }
    const kept = await open(core, 'l2', { links: 'keep' });
    expect(kept.row).toMatchObject({ size: 0, contentType: 'application/symlink' });
    expect(kept.row.user).toEqual({ of: 'link' });
    await link(core, 'l3', 'l2');
    expect(await kindOf(open(core, 'l3'))).toBe('conflict');
  });

  it('is judged by what it names', async () => {
    const core = await started();
    const { row } = await open(core, 'target');
    await link(core, 'l', 'target');
    expect(await kindOf(open(core, 'l', { condition: { ifMatch: [row.etag] } }))).toBe('fulfilled');
    const other = { condition: { ifMatch: ['x'] } };
    expect(await kindOf(open(core, 'l', other))).toBe('precondition-failed');
  });

  it('may lead nowhere, and tells where', async () => {
    const core = await started();
    await link(core, 'l', 'nothing');
    const error: unknown = await open(core, 'l').catch((one: unknown) => one);
    expect(isStoreError(error, 'no-such-object') && error.detail['link']).toBe(
      `/${account}/c/nothing`,
    );
  });

  it('gives nobody rights that he does not have', async () => {
    const core = await started();
    const own = { account: 'AUTH_other', container: 'mine' };
    await core.createContainer(stranger, own, {
      ...{ claimName: 'if-free', policy: undefined, settings: {} },
    });
    await core.putLink(stranger, {
      ...{ ...own, key: 'l', link: at('target') },
      ...{ contentType: undefined, system: {}, user: {}, condition: {} },
    });
    const read = core.openObject(stranger, { ...own, key: 'l', condition: {} });
    expect(await kindOf(read)).toBe('access-denied');
  });

  it('that is static holds what it names to its etag', async () => {
    const core = await started();
    const { row } = await open(core, 'target');
    const put = await link(core, 's', 'target', row.etag);
    expect(put.row).toMatchObject({ contentType: row.contentType, size: 0 });
    expect(put.row.link).toEqual({ container: 'c', key: 'target', etag: row.etag, bytes: 7 });
    expect((await readAll(await open(core, 's'))).toString()).toBe('content');
    expect(await kindOf(link(core, 's', 'target', 'other'))).toBe('conflict');
    expect(await kindOf(link(core, 's', 'nothing', row.etag))).toBe('conflict');
    await core.putObject(owner, putCommand('c', 'target', text('changed')));
    expect(await kindOf(open(core, 's'))).toBe('conflict');
    // A dynamic link counts as itself: its etag is that of nothing.
    const dynamic = await link(core, 'd', 'target');
    expect(await kindOf(link(core, 's2', 'd', dynamic.row.etag))).toBe('fulfilled');
  });

  it('is copied as what it names, or as a link', async () => {
    const core = await started();
    await link(core, 'l', 'target');
    const copy = (key: string, links: 'follow' | 'keep') =>
      core.copyObject(owner, {
        source: { ...at('l'), links },
        target: at(key),
        ...{ sourceCondition: {}, condition: {} },
        describe: () => ({ contentType: 'a/b', system: {}, user: {} }),
      });
    expect((await copy('content', 'follow')).row).toMatchObject({ size: 7 });
    expect((await copy('link', 'keep')).row.link).toEqual({ container: 'c', key: 'target' });
    expect((await readAll(await open(core, 'link'))).toString()).toBe('content');
  });

  it('has versions of its own', async () => {
    const core = await started();
    await core.updateContainer(owner, at(''), { settings: {}, versioning: 'enabled' });
    const { row } = await link(core, 'l', 'target');
    await core.putObject(owner, putCommand('c', 'l', text('plain')));
    const versionId = row.version.toString(16).padStart(16, '0');
    const reader = await open(core, 'l', { versionId });
    expect((await readAll(reader)).toString()).toBe('content');
    expect(reader.row.version).toBe(row.version);
    const page = await core.listVersions(owner, at(''), pageQuery({ prefix: 'l' }));
    expect(page.items).toHaveLength(2);
  });
});

/** A lock that S3 set holds for Swift's clients too: it is the commit's. */
import { expect, test } from 'vitest';
import type { RequestContext } from '../../../../server/core/request.ts';
import { versionIdOf } from '../../../../server/core/model.ts';
import { createHarness, type Harness } from '../harness.ts';

const account = 'AUTH_test';
const owner: RequestContext = {
  principal: { type: 'user', account, user: 'tester', role: 'owner' },
};
const DAY = 24 * 60 * 60 * 1000;

/** A container that S3 made lockable, with the default retention of a day. */
async function lockable(): Promise<Harness> {
  const harness = await createHarness();
  await harness.core.createContainer(
    owner,
    { account, container: 'c' },
    {
      claimName: 'required',
      policy: undefined,
      settings: {},
      versioning: 'enabled',
      lock: { defaultRetention: { mode: 'compliance', days: 1 } },
    },
  );
  return harness;
}

test('Swift writes get the default retention, and no deletion of theirs removes a version', async () => {
  const { ask, core, clock } = await lockable();
  const path = '/v1/AUTH_test/c/o';
  expect((await ask('PUT', path, { body: 'first' })).status).toBe(201);
  const address = { account, container: 'c', key: 'o' };
  const { row } = await core.openObject(owner, { ...address, condition: {}, metadataOnly: true });
  expect(row.lock?.retention?.mode).toBe('compliance');
  const id = versionIdOf(row);
  const removeVersion = (): Promise<string> =>
    core.deleteObject(owner, { ...address, versionId: id, condition: {} }).then(
      () => 'removed',
      (error: { kind?: string }) => error.kind ?? 'odd',
    );

  expect((await ask('PUT', path, { body: 'second' })).status).toBe(201);
  expect((await ask('DELETE', path)).status).toBe(204);
  expect((await ask('GET', path)).status).toBe(404);
  for (const query of [`?version-id=${id}`, '?multipart-manifest=delete']) {
    await ask('DELETE', path + query);
    const kept = await core.openObject(owner, { ...address, versionId: id, condition: {} });
    expect(kept.row.size).toBe(5);
  }
  expect(await removeVersion()).toBe('access-denied');
  expect((await ask('DELETE', '/v1/AUTH_test/c')).status).toBe(409);
  clock.advance(DAY + 1000);
  expect(await removeVersion()).toBe('removed');
});

test('Swift cannot stop the versioning of a lockable container', async () => {
  const { ask, core } = await lockable();
  const address = { account, container: 'c' };
  const headers = { 'X-Versions-Enabled': 'false' };
  expect((await ask('POST', '/v1/AUTH_test/c', { headers })).status).toBeGreaterThanOrEqual(400);
  expect((await core.headContainer(owner, address)).row.versioning).toBe('enabled');
});

test('X-Delete-At hides a locked object and keeps its version', async () => {
  const { ask, core, clock } = await lockable();
  const path = '/v1/AUTH_test/c/o';
  await ask('PUT', path, { body: 'x', headers: { 'X-Delete-After': '60' } });
  const address = { account, container: 'c', key: 'o' };
  const { row } = await core.openObject(owner, { ...address, condition: {}, metadataOnly: true });
  clock.advance(61_000);
  expect((await ask('GET', path)).status).toBe(404);
  const versionId = versionIdOf(row);
  const kept = await core.openObject(owner, { ...address, versionId, condition: {} });
  expect(kept.row.lock?.retention?.mode).toBe('compliance');
});

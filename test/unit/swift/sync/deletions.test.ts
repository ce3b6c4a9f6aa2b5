/** Deletions in containers that are in step: which of two changes stands is a matter of when they were made, not of when they come. */
import { describe, expect, it } from 'vitest';
import { contents, far, near, pair, type Side, signed, toFar } from './clusters.ts';

const key = `${far}/k`;

/** What another cluster is answered that made a change so many seconds after this. */
function askFrom(there: Side) {
  const start = there.clock.now() / 1000;
  return async (method: string, seconds: number, path = key): Promise<number> => {
    const stamp = (start + seconds).toFixed(5);
    const headers = signed('realm-key', method, path, { stamp });
    const body = method === 'PUT' ? { body: `at ${seconds}` } : {};
    return (await there.ask(method, path, { token: '', headers, ...body })).status;
  };
}

const toNear = { ...toFar, 'X-Container-Sync-To': '//US/NEAR/AUTH_test/near' };

describe('a deletion', () => {
  it('stands against what was made before it and comes after it', async () => {
    const { two } = await pair();
    const from = askFrom(two);
    expect(await from('PUT', 10)).toBe(201);
    expect(await from('DELETE', 10)).toBe(409);
    expect(await from('DELETE', 20)).toBe(204);
    expect(await from('PUT', 10)).toBe(202);
    expect(await from('PUT', 20)).toBe(202);
    expect(await contents(two, far)).toEqual({});
    expect(await from('PUT', 21)).toBe(201);
    expect(await contents(two, far)).toEqual({ k: 'at 21' });
  });

  it('counts where there is nothing to delete', async () => {
    const { two } = await pair();
    const from = askFrom(two);
    expect(await from('DELETE', 20)).toBe(404);
    expect(await from('DELETE', 15)).toBe(404);
    expect(await from('PUT', 19)).toBe(202);
    expect((await two.ask('DELETE', `${far}/other`)).status).toBe(404);
    expect(await from('PUT', -1, `${far}/other`)).toBe(202);
    expect(await contents(two, far)).toEqual({});
  });

  it('that a client makes here stands against what is sent once more', async () => {
    const { two } = await pair();
    const from = askFrom(two);
    expect(await from('PUT', -10)).toBe(201);
    await two.ask('DELETE', key);
    expect(await from('PUT', -10)).toBe(202);
    expect(await contents(two, far)).toEqual({});
  });

  it('and a change by a client stand after what came from a clock that is ahead', async () => {
    const { two } = await pair();
    const from = askFrom(two);
    expect(await from('PUT', 100)).toBe(201);
    await two.ask('POST', key, { headers: { 'X-Object-Meta-A': 'b' } });
    expect(await from('PUT', 100)).toBe(202);
    await two.ask('PUT', key, { body: 'here' });
    expect(await from('PUT', 100)).toBe(202);
    await two.ask('DELETE', key);
    expect(await from('PUT', 100)).toBe(202);
    await two.ask('PUT', key, { body: 'again' });
    expect(await from('PUT', 100)).toBe(202);
    expect(await contents(two, far)).toEqual({ k: 'again' });
  });

  it('goes round a ring with the time at which it was made', async () => {
    const { one, two } = await pair();
    await one.ask('POST', near, { headers: toFar });
    await two.ask('POST', far, { headers: toNear });
    await one.ask('PUT', `${near}/k`, { body: 'old' });
    await one.work();
    await two.work();
    await one.ask('DELETE', `${near}/k`);
    two.clock.advance(100_000);
    await one.work();
    one.clock.advance(50_000);
    await one.ask('PUT', `${near}/k`, { body: 'new' });
    await two.work();
    expect(await contents(one, near)).toEqual({ k: 'new' });
    await one.work();
    expect(await contents(two, far)).toEqual({ k: 'new' });
    await two.work();
    const count = one.sent.length + two.sent.length;
    await one.work();
    await two.work();
    expect(one.sent.length + two.sent.length).toBe(count);
  });

  it('of what is not here goes on to where it may be', async () => {
    const { one, two } = await pair();
    await two.ask('PUT', key, { body: 'only there' });
    await one.ask('POST', near, { headers: toFar });
    one.clock.advance(1000);
    expect((await one.ask('DELETE', `${near}/k`)).status).toBe(404);
    await one.work();
    expect(await contents(two, far)).toEqual({});
  });

  it('that was made while the container was synced to nowhere is made good', async () => {
    const { one, two } = await pair();
    await one.ask('POST', near, { headers: toFar });
    await one.ask('PUT', `${near}/k`, { body: 'x' });
    await one.ask('PUT', `${near}/stays`, { body: 'y' });
    await one.work();
    await one.ask('POST', near, { headers: { 'X-Remove-Container-Sync-To': 'x' } });
    await one.ask('DELETE', `${near}/k`);
    await one.work();
    expect(await contents(two, far)).toEqual({ k: 'x', stays: 'y' });
    await one.ask('POST', near, { headers: toFar });
    await one.work();
    expect(await contents(two, far)).toEqual({ stays: 'y' });
  });

  it('by date is none that later changes must fear', async () => {
    const { two } = await pair();
    const from = askFrom(two);
    const headers = { 'X-Delete-After': '60' };
    await two.ask('PUT', key, { body: 'short', headers });
    two.clock.advance(100_000);
    const reap = async (): Promise<void> => {
      for (const { row } of two.rows.rowsOf('queue')) {
        if (row.type !== 'expire') continue;
        await two.rows.execute({ ...row, type: 'object.expire', nowMillis: two.clock.now() });
      }
    };
    await reap();
    expect(await from('PUT', -1)).toBe(202);
    expect(await from('PUT', 50)).toBe(201);
  });

  it('is forgotten after a week, and remembered once a key until then', async () => {
    const { two } = await pair();
    for (let round = 0; round < 3; round++) {
      await two.ask('PUT', key, { body: 'x' });
      await two.ask('DELETE', key);
      await two.ask('DELETE', key);
    }
    const expiries = two.rows.rowsOf('queue').filter(({ row }) => row.type === 'expire');
    expect(two.rows.rowsOf('tombstone')).toHaveLength(1);
    expect(expiries).toHaveLength(1);
    const week = 7 * 24 * 60 * 60 * 1000;
    expect(expiries[0]?.key.dueAt).toBe(two.clock.now() + week);
    await two.ask('DELETE', far);
    for (const { row } of expiries) {
      if (row.type !== 'expire') continue;
      await two.rows.execute({ ...row, type: 'object.expire', nowMillis: two.clock.now() + week });
    }
    expect(two.rows.rowsOf('tombstone')).toEqual([]);
  });

  it('leaves nothing behind in a container that is in step with none', async () => {
    const { two } = await pair();
    await two.ask('PUT', '/v1/AUTH_test/plain');
    await two.ask('PUT', '/v1/AUTH_test/plain/k', { body: 'x' });
    await two.ask('DELETE', '/v1/AUTH_test/plain/k');
    await two.ask('DELETE', '/v1/AUTH_test/plain/k');
    expect(two.rows.rowsOf('tombstone')).toEqual([]);
  });
});

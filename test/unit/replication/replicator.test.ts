/** From one S3 door to another, both over the real core in memory. */
import { describe, expect, it } from 'vitest';
import { answerReplicationCall } from '../../../server/replication/operator.ts';
import { type Answer, type Harness, all, one } from '../s3/harness.ts';
import { configure, type Pair, pair, rule, statusOf, versioned } from './pair.ts';

describe('the configuration of replication', () => {
  it('comes back as it was put, and goes', async () => {
    const { near } = await pair();
    const get = (): Promise<Answer> => near.ask('GET', '/box', { query: { replication: '' } });
    expect([(await get()).status, (await get()).code]).toEqual([
      404,
      'ReplicationConfigurationNotFoundError',
    ]);
    const tagged = '<And><Prefix>t/</Prefix><Tag><Key>k</Key><Value>v</Value></Tag></And>';
    const put = await configure(
      near,
      rule('one'),
      rule('four', { filter: tagged, markers: 'Disabled' }),
    );
    expect(put.status).toBe(200);
    const { text } = await get();
    expect(all(text, 'ID')).toEqual(['one', 'four']);
    expect(text).toContain(`<Filter>${tagged}</Filter>`);
    expect(one(text, 'Role')).toBe('arn:aws:iam::1:role/r');
    const suspend = '<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>';
    const suspended = await near.ask('PUT', '/box', { query: { versioning: '' }, body: suspend });
    expect([suspended.status, suspended.code]).toEqual([409, 'InvalidBucketState']);
    expect((await near.ask('DELETE', '/box', { query: { replication: '' } })).status).toBe(204);
    expect((await get()).status).toBe(404);
  });

  it('is refused where it cannot be kept', async () => {
    const { near, far } = await pair();
    const code = async (...rules: readonly string[]): Promise<string | undefined> =>
      (await configure(near, ...rules)).code;
    expect(await code()).toBe('MalformedXML');
    expect(await code(rule('one', { destination: 'arn:torc:replication::other:copy' }))).toBe(
      'InvalidArgument',
    );
    expect(await code(rule('one', { destination: 'arn:torc:replication::far:none' }))).toBe(
      'InvalidRequest',
    );
    await far.ask('PUT', '/plain');
    expect(await code(rule('one', { destination: 'arn:torc:replication::far:plain' }))).toBe(
      'InvalidRequest',
    );
    expect(await code(rule('one'), rule('two'))).toBe('InvalidRequest');
    const tag = '<Tag><Key>k</Key><Value>v</Value></Tag>';
    expect(await code(rule('one', { filter: tag }))).toBe('InvalidRequest');
    const existing =
      '<ExistingObjectReplication><Status>Enabled</Status></ExistingObjectReplication>';
    expect(await code(rule('one', { rest: existing }))).toBe('NotImplemented');
    await near.ask('PUT', '/unversioned');
    const body = `<ReplicationConfiguration><Role>r</Role>${rule('one')}</ReplicationConfiguration>`;
    const query = { replication: '' };
    expect((await near.ask('PUT', '/unversioned', { query, body })).code).toBe('InvalidRequest');
  });
});

describe('a version', () => {
  it('goes to the other store with all that it bears', async () => {
    const { near, far, work } = await pair();
    await near.ask('PUT', '/box/before', { body: 'x' });
    await configure(near, rule('one'));
    const headers = {
      'content-type': 'text/x',
      'cache-control': 'no-cache',
      'x-amz-meta-u.n-i': Buffer.from('wört').toString('latin1'),
      'x-amz-tagging': 'a=b%20c&d=',
    };
    const path = '/box/dir/ä b+c';
    await near.ask('PUT', path, { body: 'hello', headers });
    await near.ask('PUT', '/box/empty', { body: '' });
    expect(await statusOf(near, path)).toBe('PENDING');
    await work();
    expect(await statusOf(near, path)).toBe('COMPLETED');
    expect(await statusOf(near, '/box/before')).toBeUndefined();
    const got = await far.ask('GET', '/copy/dir/ä b+c');
    const mine = await near.ask('GET', path);
    expect(got.text).toBe('hello');
    for (const name of ['etag', 'content-type', 'cache-control', 'x-amz-tagging-count']) {
      expect([name, got.headers.get(name)]).toEqual([name, mine.headers.get(name)]);
    }
    const meta = (answer: Answer): unknown[] =>
      [...answer.headers].filter(([name]) => name.startsWith('x-amz-meta-'));
    expect(meta(got)).toEqual(meta(mine));
    expect(got.headers.get('x-amz-replication-status')).toBe('REPLICA');
    expect((await far.ask('HEAD', '/copy/empty')).status).toBe(200);
    expect((await far.ask('HEAD', '/copy/before')).status).toBe(404);
  });

  it('in parts stays in parts, with the same entity tag and checksum', async () => {
    const { near, far, work } = await pair();
    await configure(near, rule('one'));
    const started = await near.ask('POST', '/box/parts', {
      query: { uploads: '' },
      headers: { 'x-amz-checksum-algorithm': 'CRC32', 'x-amz-meta-k': 'v' },
    });
    const uploadId = one(started.text, 'UploadId') ?? '';
    let listed = '';
    for (const [partNumber, size] of [
      [2, 40_000],
      [5, 10],
    ] as const) {
      const query = { uploadId, partNumber: String(partNumber) };
      const headers = { 'x-amz-checksum-algorithm': 'CRC32' };
      const part = await near.ask('PUT', '/box/parts', {
        query,
        headers,
        body: Buffer.alloc(size, partNumber),
      });
      listed += `<Part><PartNumber>${partNumber}</PartNumber><ETag>${part.headers.get('etag')}</ETag><ChecksumCRC32>${part.headers.get('x-amz-checksum-crc32')}</ChecksumCRC32></Part>`;
    }
    const done = await near.ask('POST', '/box/parts', {
      query: { uploadId },
      body: `<CompleteMultipartUpload>${listed}</CompleteMultipartUpload>`,
    });
    expect(done.status).toBe(200);
    await work();
    const headers = { 'x-amz-checksum-mode': 'ENABLED' };
    const mine = await near.ask('GET', '/box/parts', { headers });
    const got = await far.ask('GET', '/copy/parts', { headers });
    expect(mine.headers.get('etag')).toMatch(/-2"$/);
    expect(got.bytes.equals(mine.bytes)).toBe(true);
    for (const name of ['etag', 'x-amz-checksum-crc32', 'x-amz-checksum-type', 'x-amz-meta-k']) {
      expect([name, got.headers.get(name)]).toEqual([name, mine.headers.get(name)]);
    }
    expect(await statusOf(far, '/copy/parts')).toBe('REPLICA');
    expect(await statusOf(near, '/box/parts')).toBe('COMPLETED');
  });

  it('and its markers come in order; removed versions stay removed here alone', async () => {
    const { near, far, work } = await pair();
    await configure(near, rule('one'));
    const ids: string[] = [];
    for (const body of ['1', '22', '333']) {
      const put = await near.ask('PUT', '/box/k', { body });
      ids.push(put.headers.get('x-amz-version-id') ?? '');
    }
    await near.ask('DELETE', '/box/k');
    await near.ask('DELETE', '/box/k', { query: { versionId: ids[1] ?? '' } });
    await work();
    const list = await far.ask('GET', '/copy', { query: { versions: '' } });
    expect(all(list.text, 'Size')).toEqual(['3', '1']);
    expect(list.text).toContain('<DeleteMarker><Key>k</Key>');
    await near.ask('DELETE', '/box/k', { query: { versionId: ids[0] ?? '' } });
    await work();
    const later = await far.ask('GET', '/copy', { query: { versions: '' } });
    expect(all(later.text, 'Size')).toEqual(['3', '1']);
  });

  it('whose tags change changes its replica, and makes no new one', async () => {
    const { near, far, work } = await pair();
    await configure(near, rule('one'));
    await near.ask('PUT', '/box/k', { body: 'x' });
    await work();
    const body =
      '<Tagging><TagSet><Tag><Key>a:=+</Key><Value>ü b/@</Value></Tag></TagSet></Tagging>';
    await near.ask('PUT', '/box/k', { query: { tagging: '' }, body });
    expect(await statusOf(near, '/box/k')).toBe('PENDING');
    await work();
    expect(await statusOf(near, '/box/k')).toBe('COMPLETED');
    const tags = (await far.ask('GET', '/copy/k', { query: { tagging: '' } })).text;
    expect([one(tags, 'Key'), one(tags, 'Value')]).toEqual(['a:=+', 'ü b/@']);
    await near.ask('DELETE', '/box/k', { query: { tagging: '' } });
    await work();
    expect(all((await far.ask('GET', '/copy/k', { query: { tagging: '' } })).text, 'Key')).toEqual(
      [],
    );
    const list = await far.ask('GET', '/copy', { query: { versions: '' } });
    expect(all(list.text, 'VersionId')).toHaveLength(1);
  });

  it('that no rule is for stays', async () => {
    const { near, sent, work } = await pair();
    const filter = '<Prefix>in/</Prefix>';
    await configure(near, rule('one', { filter, markers: 'Disabled' }));
    await near.ask('PUT', '/box/out', { body: 'x' });
    await near.ask('PUT', '/box/in/a', { body: 'x' });
    await near.ask('DELETE', '/box/in/a');
    await work();
    expect(sent).toEqual(['PUT /copy/in/a']);
    expect(await statusOf(near, '/box/out')).toBeUndefined();
  });

  it('that came from another store goes to no third', async () => {
    const { near, sent, work } = await pair();
    await configure(near, rule('one'));
    const headers = { 'x-amz-replication-status': 'REPLICA' };
    await near.ask('PUT', '/box/k', { body: 'x', headers });
    await near.ask('DELETE', '/box/k', { headers });
    await work();
    expect(sent).toEqual([]);
    const bad = await near.ask('PUT', '/box/k', {
      body: 'x',
      headers: { 'x-amz-replication-status': 'COMPLETED' },
    });
    expect(bad.code).toBe('InvalidArgument');
  });
});

describe('a store that is away', () => {
  it('gets everything once it is back', async () => {
    const { near, far, state, work } = await pair();
    await configure(near, rule('one'));
    state.isDown = true;
    await near.ask('PUT', '/box/a', { body: '1' });
    await work();
    await near.ask('PUT', '/box/a', { body: '22' });
    await near.ask('DELETE', '/box/b');
    expect(await statusOf(near, '/box/a')).toBe('PENDING');
    state.isDown = false;
    near.clock.advance(60_000);
    await work();
    const list = await far.ask('GET', '/copy', { query: { versions: '' } });
    expect(all(list.text, 'Size')).toEqual(['2', '1']);
    expect(list.text).toContain('<DeleteMarker><Key>b</Key>');
    expect(await statusOf(near, '/box/a')).toBe('COMPLETED');
  });

  it('also what was too much to be kept as events, oldest first', async () => {
    const { near, far, state, work } = await pair(2);
    await configure(near, rule('one'));
    state.isDown = true;
    for (const body of ['1', '22', '333', '4444']) await near.ask('PUT', '/box/k', { body });
    await near.ask('DELETE', '/box/k');
    await near.ask('PUT', '/box/other', { body: '55555' });
    await work();
    state.isDown = false;
    near.clock.advance(60_000);
    await work();
    const list = await far.ask('GET', '/copy', { query: { versions: '' } });
    expect(all(list.text, 'Size')).toEqual(['4', '3', '2', '1', '5']);
    expect(list.text).toContain('<DeleteMarker><Key>k</Key>');
    expect(near.rows.rowsOf('backlog')).toEqual([]);
  });

  it('or that refuses a version, makes it FAILED and holds up nothing', async () => {
    const { near, far, work } = await pair();
    await configure(near, rule('one'));
    await near.ask('PUT', '/box/a', { body: 'x' });
    await far.ask('DELETE', '/copy');
    await work();
    expect(await statusOf(near, '/box/a')).toBe('FAILED');
    await versioned(far, 'copy');
    await near.ask('PUT', '/box/b', { body: 'x' });
    await work();
    expect(await statusOf(near, '/box/b')).toBe('COMPLETED');
  });
});

const MINUTE = 60_000;

describe('what the other store refused', () => {
  /** A bucket that is not there yet, and what was meant for it. */
  async function refused(...bodies: readonly string[]): Promise<Pair> {
    const made = await pair();
    const { near, far, work } = made;
    await configure(near, rule('one'));
    await far.ask('DELETE', '/copy');
    for (const body of bodies) {
      await near.ask('PUT', '/box/k', { body });
      await work();
    }
    expect(await statusOf(near, '/box/k')).toBe('FAILED');
    return made;
  }

  const sizesAt = async (h: Harness): Promise<readonly string[]> =>
    all((await h.ask('GET', '/copy', { query: { versions: '' } })).text, 'Size');

  const backlog = (h: Harness): unknown => h.rows.rowsOf('backlog')[0]?.row;

  it('is tried again, a while later, and then is COMPLETED', async () => {
    const { near, far, sent, work } = await refused('x');
    expect(backlog(near)).toMatchObject({ pending: 1, retrying: 1, dropped: 0 });
    await versioned(far, 'copy');
    await work();
    expect(sent).toHaveLength(1);
    near.clock.advance(MINUTE);
    await work();
    expect(sent).toHaveLength(2);
    expect(await statusOf(near, '/box/k')).toBe('COMPLETED');
    expect(backlog(near)).toBeUndefined();
    expect(near.rows.rowsOf('event')).toEqual([]);
  });

  it('ever more seldom, for a week, and then no more unless somebody asks for it', async () => {
    const { near, far, sent, work } = await refused('x');
    const tries: number[] = [];
    for (let minutes = 0; minutes < 20 * 1440; minutes += 10) {
      const before = sent.length;
      near.clock.advance(10 * MINUTE);
      await work();
      if (sent.length > before) tries.push(minutes);
    }
    expect(tries).toHaveLength(11);
    expect(tries.at(-1)).toBeGreaterThan(6 * 1440);
    expect(tries.at(-1)).toBeLessThan(8 * 1440);
    expect(await statusOf(near, '/box/k')).toBe('FAILED');
    expect(near.rows.rowsOf('event')).toEqual([]);
    await versioned(far, 'copy');
    const asked = new URLSearchParams({ account: 'AUTH_one', container: 'box' });
    await answerReplicationCall(near.rows, '/replication/retry', asked);
    await work();
    expect(await statusOf(near, '/box/k')).toBe('COMPLETED');
    expect(backlog(near)).toBeUndefined();
  });

  it('comes in the order in which it was written', async () => {
    const { near, far, work } = await refused('1', '22', '333');
    await versioned(far, 'copy');
    near.clock.advance(MINUTE);
    await work();
    expect(await sizesAt(far)).toEqual(['3', '2', '1']);
    expect(near.rows.rowsOf('event')).toEqual([]);
  });

  it('is let be where a newer version has gone over: it would lie on top', async () => {
    const { near, far, sent, work } = await refused('1');
    await versioned(far, 'copy');
    await near.ask('PUT', '/box/k', { body: '22' });
    await work();
    near.clock.advance(MINUTE);
    await work();
    const asked = new URLSearchParams({ account: 'AUTH_one', container: 'box' });
    await answerReplicationCall(near.rows, '/replication/retry', asked);
    await work();
    expect(await sizesAt(far)).toEqual(['2']);
    expect(sent).toHaveLength(2);
    const [, old] = all(
      (await near.ask('GET', '/box', { query: { versions: '' } })).text,
      'VersionId',
    );
    expect(await statusOf(near, '/box/k')).toBe('COMPLETED');
    const head = await near.ask('HEAD', '/box/k', { query: { versionId: old ?? '' } });
    expect(head.headers.get('x-amz-replication-status')).toBe('FAILED');
  });

  it('as something that it has not built holds up nothing either', async () => {
    const { near, state, work } = await pair();
    await configure(near, rule('one'));
    state.answer = { status: 501, code: 'NotImplemented' };
    await near.ask('PUT', '/box/a', { body: 'x' });
    await work();
    expect(await statusOf(near, '/box/a')).toBe('FAILED');
  });

  it("is nobody else's: a container without rules is named", async () => {
    const { near } = await pair();
    const asked = new URLSearchParams({ account: 'AUTH_one', container: 'none' });
    await expect(answerReplicationCall(near.rows, '/replication/retry', asked)).rejects.toThrow(
      'no container with rules of replication',
    );
    expect(await answerReplicationCall(near.rows, '/other', asked)).toBeUndefined();
  });
});

import { describe, expect, it } from 'vitest';
import type { ObjectEvent } from '../../../../server/core/feed/events.ts';
import type { Feed } from '../../../../server/core/model.ts';
import {
  account,
  bodyOf,
  createContainer,
  createFixture,
  type Fixture,
  kindOf,
  owner,
  putCommand,
  text,
} from '../fixture.ts';

const at = { account, container: 'box' };

function feed(more: Partial<Omit<Feed, 'id' | 'purpose'>> = {}): Omit<Feed, 'id' | 'purpose'> {
  return {
    target: 'hook',
    rule: 'one',
    events: ['created:put', 'created:copy', 'created:complete', 'removed:delete', 'removed:marker'],
    prefix: '',
    suffix: '',
    ...more,
  };
}

async function follow(
  fixture: Fixture,
  ...feeds: readonly Omit<Feed, 'id' | 'purpose'>[]
): Promise<void> {
  const change = { settings: {}, feeds: { purpose: 'notification' as const, feeds } };
  await fixture.core.updateContainer(owner, at, change);
}

function told(fixture: Fixture): readonly (readonly [ObjectEvent, string])[] {
  return fixture.rows
    .rowsOf('event')
    .toSorted((a, b) => a.key.stamp - b.key.stamp)
    .map(({ row }) => [row.event, row.key] as const);
}

function put(fixture: Fixture, key: string, event?: ObjectEvent): Promise<unknown> {
  const more = event === undefined ? {} : { event };
  return fixture.core.putObject(owner, putCommand('box', key, text('x'), more));
}

describe('feeds', () => {
  it('hear of what they ask for, in the commit that did it', async () => {
    const fixture = createFixture();
    await createContainer(fixture.core, 'box');
    await put(fixture, 'before');
    await follow(fixture, feed({ prefix: 'in/', suffix: '.jpg' }));
    await put(fixture, 'in/a.jpg');
    await put(fixture, 'in/a.png');
    await put(fixture, 'out/a.jpg');
    await fixture.core.copyObject(owner, {
      source: { ...at, key: 'before' },
      sourceCondition: {},
      target: { ...at, key: 'in/copy.jpg' },
      condition: {},
      describe: () => ({ contentType: 'text/plain', system: {}, user: {} }),
    });
    await fixture.core.deleteObject(owner, { ...at, key: 'in/a.jpg', condition: {} });
    await fixture.core.deleteObject(owner, { ...at, key: 'in/none.jpg', condition: {} });
    expect(told(fixture)).toEqual([
      ['created:put', 'in/a.jpg'],
      ['created:copy', 'in/copy.jpg'],
      ['removed:delete', 'in/a.jpg'],
    ]);
    const [backlog] = fixture.rows.rowsOf('backlog');
    expect(backlog?.row).toMatchObject({ pending: 3, dropped: 0, rule: 'one', container: 'box' });
    const [event] = fixture.rows.rowsOf('event');
    expect(event?.row).toMatchObject({ size: 1, origin: { account, user: 'tester' } });
  });

  it('hear of uploads in parts, markers, and removed versions', async () => {
    const fixture = createFixture();
    await createContainer(fixture.core, 'box', 'enabled');
    await follow(fixture, feed());
    const upload = await fixture.core.createUpload(owner, {
      ...{ ...at, key: 'parts', contentType: '', system: {}, user: {} },
    });
    const whole = { ...at, key: 'parts', uploadId: upload.uploadId };
    const part = await fixture.core.putPart(owner, {
      ...whole,
      partNumber: 1,
      body: bodyOf(text('part')),
    });
    const parts = [{ partNumber: 1, etag: part.etag }];
    const done = await fixture.core.completeUpload(owner, { ...whole, parts, condition: {} });
    const gone = await fixture.core.deleteObject(owner, { ...at, key: 'parts', condition: {} });
    const versionId = done.row.version.toString(16).padStart(16, '0');
    await fixture.core.deleteObject(owner, { ...at, key: 'parts', versionId, condition: {} });
    expect(told(fixture)).toEqual([
      ['created:complete', 'parts'],
      ['removed:marker', 'parts'],
      ['removed:delete', 'parts'],
    ]);
    const versions = fixture.rows.rowsOf('event').map(({ row }) => row.version);
    expect(versions).toContain(gone.marker?.version);
  });

  it('a refused write tells nothing, and a container without feeds writes no row', async () => {
    const fixture = createFixture();
    await createContainer(fixture.core, 'box');
    await put(fixture, 'quiet');
    expect(fixture.rows.rowsOf('backlog')).toEqual([]);
    await follow(fixture, feed());
    const refused = fixture.core.putObject(
      owner,
      putCommand('box', 'quiet', text('x'), { condition: { ifNoneMatch: '*' } }),
    );
    expect(await kindOf(refused)).toBe('precondition-failed');
    expect(told(fixture)).toEqual([]);
  });

  it('hold so many events and count the rest', async () => {
    const fixture = createFixture(undefined, {}, { maxFeedEvents: 2 });
    await createContainer(fixture.core, 'box');
    await follow(fixture, feed());
    for (const key of ['a', 'b', 'c', 'd']) await put(fixture, key);
    expect(told(fixture).map(([, key]) => key)).toEqual(['a', 'b']);
    const [backlog] = fixture.rows.rowsOf('backlog');
    expect(backlog?.row).toMatchObject({ pending: 2, dropped: 2 });
  });

  it('forget what was told, and keep the count of what was not', async () => {
    const fixture = createFixture(undefined, {}, { maxFeedEvents: 2 });
    await createContainer(fixture.core, 'box');
    await follow(fixture, feed());
    for (const key of ['a', 'b', 'c']) await put(fixture, key);
    const [backlog] = fixture.rows.rowsOf('backlog');
    if (backlog === undefined) throw new Error('no backlog');
    const stamps = fixture.rows.rowsOf('event').map(({ key }) => key.stamp);
    const done = { type: 'feed.done', ...backlog.key } as const;
    await fixture.rows.execute({ ...done, stamps });
    // Told again, as after a crash between the two: nothing is counted twice.
    await fixture.rows.execute({ ...done, stamps });
    expect(fixture.rows.rowsOf('event')).toEqual([]);
    expect(fixture.rows.rowsOf('backlog')[0]?.row).toMatchObject({ pending: 0, dropped: 1 });
    await fixture.rows.execute({ ...done, stamps: [], forgetLost: true });
    expect(fixture.rows.rowsOf('backlog')).toEqual([]);
  });

  it('keep what waits when the rule or the container goes', async () => {
    const fixture = createFixture();
    await createContainer(fixture.core, 'box');
    await follow(fixture, feed());
    await put(fixture, 'a');
    await fixture.core.deleteObject(owner, { ...at, key: 'a', condition: {} });
    await follow(fixture);
    await put(fixture, 'unheard');
    await fixture.core.deleteObject(owner, { ...at, key: 'unheard', condition: {} });
    await fixture.core.deleteContainer(owner, at);
    expect(told(fixture)).toEqual([
      ['created:put', 'a'],
      ['removed:delete', 'a'],
    ]);
    expect(fixture.rows.rowsOf('container')[0]?.row.feeds).toBeUndefined();
  });

  it('hear of everything that one commit does', async () => {
    const fixture = createFixture();
    await createContainer(fixture.core, 'box');
    await follow(fixture, feed());
    await put(fixture, 'old');
    const renaming = { ...at, key: 'new', source: 'old', condition: {}, sourceCondition: {} };
    await fixture.core.renameObject(owner, renaming);
    await put(fixture, 'other');
    expect(told(fixture)).toEqual([
      ['created:put', 'old'],
      ['removed:delete', 'old'],
      ['created:copy', 'new'],
      ['created:put', 'other'],
    ]);
    expect(fixture.rows.rowsOf('backlog').map(({ row }) => row.pending)).toEqual([4]);
  });

  it('an expiry by date is told as one', async () => {
    const fixture = createFixture();
    const containerId = await createContainer(fixture.core, 'box');
    await follow(fixture, feed({ events: ['expired:delete'] }));
    const expiresAt = fixture.clock.now() + 1000;
    const outcome = await fixture.core.putObject(
      owner,
      putCommand('box', 'short', text('x'), { expiresAt }),
    );
    fixture.clock.advance(5000);
    const { version } = outcome.row;
    const nowMillis = fixture.clock.now();
    const expire = { containerId, key: 'short', version, nowMillis };
    await fixture.rows.execute({ type: 'object.expire', ...expire });
    expect(told(fixture)).toEqual([['expired:delete', 'short']]);
  });
});

describe('replication feeds', () => {
  const rule = (more: Partial<Feed> = {}): Omit<Feed, 'id' | 'purpose'> =>
    feed({ target: 'far', events: ['created:put', 'updated', 'tagging:put'], ...more });

  async function replicate(fixture: Fixture, ...feeds: ReturnType<typeof rule>[]): Promise<void> {
    const change = { settings: {}, feeds: { purpose: 'replication' as const, feeds } };
    await fixture.core.updateContainer(owner, at, change);
  }

  it('need versions, which then cannot be suspended', async () => {
    const fixture = createFixture();
    await createContainer(fixture.core, 'box');
    expect(await kindOf(replicate(fixture, rule()))).toBe('invalid-argument');
    await fixture.core.updateContainer(owner, at, { settings: {}, versioning: 'enabled' });
    await replicate(fixture, rule());
    const suspend = { settings: {}, versioning: 'suspended' as const };
    expect(await kindOf(fixture.core.updateContainer(owner, at, suspend))).toBe('invalid-state');
    await replicate(fixture);
    expect(await kindOf(fixture.core.updateContainer(owner, at, suspend))).toBe('fulfilled');
  });

  it('mark versions that wait, and those that arrive are not sent on', async () => {
    const fixture = createFixture();
    const containerId = await createContainer(fixture.core, 'box', 'enabled');
    await replicate(fixture, rule({ prefix: 'r/' }));
    await put(fixture, 'r/a');
    await put(fixture, 'other');
    await fixture.core.putObject(owner, putCommand('box', 'r/b', text('x'), { isReplica: true }));
    const status = (key: string): string | undefined =>
      fixture.rows.peek('current', { containerId, key })?.replication?.status;
    expect([status('r/a'), status('other'), status('r/b')]).toEqual([
      'pending',
      undefined,
      'replica',
    ]);
    expect(told(fixture)).toEqual([['created:put', 'r/a']]);
    const version = fixture.rows.peek('current', { containerId, key: 'r/a' })?.version;
    const feedId = fixture.rows.rowsOf('event')[0]?.key.feedId ?? '';
    if (version === undefined) throw new Error('no version');
    const note = { type: 'replication.note', containerId, key: 'r/a', version, feedId } as const;
    await fixture.rows.execute({ ...note, status: 'completed', replica: 'v1' });
    expect(status('r/a')).toBe('completed');
    await fixture.core.updateObject(
      owner,
      { ...at, key: 'r/a' },
      { systemPatch: { 's3:tagging': 'a=b' }, isSilent: true },
      'tagging:put',
    );
    expect(status('r/a')).toBe('pending');
    expect(told(fixture)).toHaveLength(2);
  });

  it('of one destination only the rule of highest priority counts, by tags too', async () => {
    const fixture = createFixture();
    await createContainer(fixture.core, 'box', 'enabled');
    await replicate(
      fixture,
      rule({ rule: 'low', target: 'low', group: 'g', priority: 1 }),
      rule({ rule: 'high', target: 'high', group: 'g', priority: 2, tags: ['a=b'] }),
    );
    const tagged = { system: { 's3:tagging': 'a=b&c=d' } };
    await fixture.core.putObject(owner, putCommand('box', 'tagged', text('x'), tagged));
    await put(fixture, 'plain');
    const targets = fixture.rows.rowsOf('backlog').map(({ key, row }) => [key.target, row.pending]);
    expect(new Map(targets as [string, number][])).toEqual(
      new Map([
        ['high', 1],
        ['low', 1],
      ]),
    );
  });
});

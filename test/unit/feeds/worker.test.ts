import { describe, expect, it } from 'vitest';
import { StoreError } from '../../../base/errors.ts';
import { silentLogger } from '../../../base/log.ts';
import { FeedExpiry } from '../../../server/feeds/expiry.ts';
import { type Consumer, FeedWorker } from '../../../server/feeds/worker.ts';
import { WorkerLoop } from '../../../storage/work/worker.ts';
import { memoryFeeds } from '../../memory/feeds.ts';
import {
  account,
  createContainer,
  createFixture,
  type Fixture,
  owner,
  putCommand,
  text,
} from '../core/fixture.ts';

const DAY = 24 * 3_600_000;

async function followed(fixture: Fixture, containers: readonly string[]): Promise<void> {
  for (const container of containers) {
    await createContainer(fixture.core, container);
    const feed = { target: 'hook', rule: 'r', events: ['created:put'], prefix: '', suffix: '' };
    await fixture.core.updateContainer(
      owner,
      { account, container },
      {
        settings: {},
        feeds: { purpose: 'notification', feeds: [{ ...feed, events: ['created:put'] }] },
      },
    );
  }
}

async function put(fixture: Fixture, container: string, ...keys: readonly string[]): Promise<void> {
  for (const key of keys) {
    await fixture.core.putObject(owner, putCommand(container, key, text('x')));
  }
}

interface Target extends Consumer {
  readonly got: string[];
  down: boolean;
  refuses: string | undefined;
}

function target(more: Partial<Consumer> = {}): Target {
  const made: Target = {
    target: 'hook',
    got: [],
    down: false,
    refuses: undefined,
    take: async (feed, event) => {
      await Promise.resolve();
      if (made.down) throw new StoreError('unavailable', 'test', 'down');
      if (event.key === made.refuses) return 'refused';
      made.got.push(`${feed.container}/${event.key}`);
      return 'taken';
    },
    ...more,
  };
  return made;
}

function worker(
  fixture: Fixture,
  consumer: Consumer,
  how: { readonly restsEach?: true } = {},
): { step: () => Promise<boolean> } {
  const { clock } = fixture;
  const source = memoryFeeds(fixture.rows);
  const made = new FeedWorker({
    source,
    consumer,
    clock,
    logger: silentLogger,
    parallel: 4,
    ...how,
  });
  const pace = { pauseMillis: 1, idleMillis: 1000 };
  return new WorkerLoop(made, { clock, logger: silentLogger, pace });
}

async function drain(loop: { step: () => Promise<boolean> }): Promise<void> {
  while (await loop.step());
}

describe('a target', () => {
  it('is told everything once, and of one key in order', async () => {
    const fixture = createFixture();
    await followed(fixture, ['box', 'bag']);
    const consumer = target();
    await put(fixture, 'box', 'a', 'b', 'a');
    await put(fixture, 'bag', 'a');
    await drain(worker(fixture, consumer));
    expect(consumer.got.toSorted()).toEqual(['bag/a', 'box/a', 'box/a', 'box/b']);
    expect(fixture.rows.rowsOf('event')).toEqual([]);
    expect(fixture.rows.rowsOf('backlog')).toEqual([]);
  });

  it('that was down is told what it missed, after a rest that grows', async () => {
    const fixture = createFixture();
    await followed(fixture, ['box']);
    const consumer = target();
    consumer.down = true;
    await put(fixture, 'box', 'a', 'b');
    const loop = worker(fixture, consumer);
    expect(await loop.step()).toBe(false);
    consumer.down = false;
    expect(await loop.step()).toBe(false);
    fixture.clock.advance(1000);
    consumer.down = true;
    await loop.step();
    consumer.down = false;
    fixture.clock.advance(1000);
    await drain(loop);
    expect(consumer.got).toEqual([]);
    fixture.clock.advance(1000);
    await drain(loop);
    expect(consumer.got).toEqual(['box/a', 'box/b']);
  });

  it('is told again what it took just before a crash', async () => {
    const fixture = createFixture();
    await followed(fixture, ['box']);
    await put(fixture, 'box', 'a');
    const consumer = target();
    const source = memoryFeeds(fixture.rows);
    const dying = {
      ...source,
      done: () => Promise.reject(new StoreError('unavailable', 'test', 'the process dies here')),
    };
    const { clock } = fixture;
    const before = new FeedWorker({
      ...{ source: dying, consumer, clock, logger: silentLogger, parallel: 1 },
    });
    const feed = await before.next();
    if (feed === undefined) throw new Error('nothing waits');
    await expect(before.run(feed)).rejects.toThrow('dies here');
    await drain(worker(fixture, consumer));
    expect(consumer.got).toEqual(['box/a', 'box/a']);
  });

  it('that fails for one key keeps what it took of the others', async () => {
    const fixture = createFixture();
    await followed(fixture, ['box']);
    await put(fixture, 'box', 'a', 'b', 'c');
    const got: string[] = [];
    const consumer = target({
      take: async (_feed, event) => {
        await Promise.resolve();
        if (event.key === 'b') throw new StoreError('timeout', 'test', 'slow');
        got.push(event.key);
        return 'taken';
      },
    });
    await worker(fixture, consumer).step();
    expect(fixture.rows.rowsOf('event').map(({ row }) => row.key)).toContain('b');
    expect(fixture.rows.rowsOf('backlog')[0]?.row.pending).toBe(3 - got.length);
  });

  it('takes other keys and other feeds while one must wait, and in order of the key', async () => {
    const fixture = createFixture();
    await followed(fixture, ['bad', 'good']);
    await put(fixture, 'bad', 'late', 'late', 'ready');
    await put(fixture, 'good', 'a');
    const got: string[] = [];
    let isReady = false;
    const consumer = target({
      take: async (feed, event) => {
        await Promise.resolve();
        if (event.key === 'late' && !isReady) return 'later';
        got.push(`${feed.container}/${event.key}`);
        return 'taken';
      },
    });
    const loop = worker(fixture, consumer, { restsEach: true });
    for (let round = 0; round < 6; round++) await loop.step();
    expect(got.toSorted()).toEqual(['bad/ready', 'good/a']);
    await put(fixture, 'good', 'b');
    await drain(loop);
    expect(got).toContain('good/b');
    isReady = true;
    fixture.clock.advance(1000);
    await drain(loop);
    expect(got.filter((one) => one === 'bad/late')).toHaveLength(2);
    expect(fixture.rows.rowsOf('backlog')).toEqual([]);
  });

  it('may refuse an event for good, which is counted', async () => {
    const fixture = createFixture();
    await followed(fixture, ['box']);
    await put(fixture, 'box', 'a', 'bad', 'c');
    const consumer = target();
    consumer.refuses = 'bad';
    await drain(worker(fixture, consumer));
    expect(consumer.got.toSorted()).toEqual(['box/a', 'box/c']);
    expect(fixture.rows.rowsOf('backlog')[0]?.row).toMatchObject({ pending: 0, dropped: 1 });
  });

  it('makes good what was dropped when it can, once it has caught up', async () => {
    const fixture = createFixture(undefined, {}, { maxFeedEvents: 1 });
    await followed(fixture, ['box']);
    await put(fixture, 'box', 'a', 'b', 'c');
    const caught: string[] = [];
    const consumer = target({
      catchUp: async (feed) => {
        await Promise.resolve();
        caught.push(`${feed.container} ${feed.dropped}`);
      },
    });
    await drain(worker(fixture, consumer));
    expect(consumer.got).toEqual(['box/a']);
    expect(caught).toEqual(['box 2']);
    expect(fixture.rows.rowsOf('backlog')).toEqual([]);
  });
});

describe('what waits too long', () => {
  it('is let go after a week, and counted, for targets that nobody serves too', async () => {
    const fixture = createFixture();
    await followed(fixture, ['box']);
    await put(fixture, 'box', 'old');
    fixture.clock.advance(6 * DAY);
    await put(fixture, 'box', 'new');
    fixture.clock.advance(1.5 * DAY);
    const expiry = new FeedExpiry(memoryFeeds(fixture.rows), fixture.clock);
    const feed = await expiry.next();
    if (feed === undefined) throw new Error('nothing waits');
    await expiry.run(feed);
    expect(fixture.rows.rowsOf('event').map(({ row }) => row.key)).toEqual(['new']);
    expect(fixture.rows.rowsOf('backlog')[0]?.row).toMatchObject({ pending: 1, dropped: 1 });
    expect(await expiry.next()).toBeUndefined();
  });

  it('a count goes with its rule', async () => {
    const fixture = createFixture(undefined, {}, { maxFeedEvents: 0 });
    await followed(fixture, ['box']);
    await put(fixture, 'box', 'a');
    const source = memoryFeeds(fixture.rows);
    const round = async (): Promise<void> => {
      const expiry = new FeedExpiry(source, fixture.clock);
      for (let feed = await expiry.next(); feed !== undefined; feed = await expiry.next()) {
        await expiry.run(feed);
      }
    };
    await round();
    expect(fixture.rows.rowsOf('backlog')).toHaveLength(1);
    await fixture.core.updateContainer(
      owner,
      { account, container: 'box' },
      { settings: {}, feeds: { purpose: 'notification', feeds: [] } },
    );
    await round();
    expect(fixture.rows.rowsOf('backlog')).toEqual([]);
  });
});

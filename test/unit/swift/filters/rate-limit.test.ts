import { describe, expect, it } from 'vitest';
import {
  RateLimiter,
  type RateLimits,
  rateOf,
} from '../../../../server/swift/filters/rate-limit.ts';
import { ManualClock } from '../../../memory/ports.ts';
import { createHarness } from '../harness.ts';

const none: RateLimits = {
  account: 0,
  container: [],
  listing: [],
  writes: {},
  allowlist: [],
  blocklist: [],
  maxSleepSeconds: 60,
  bufferSeconds: 5,
};

const account = '/v1/AUTH_test';

describe('the rate of a container', () => {
  const rates = [
    { size: 300, rate: 10 },
    { size: 100, rate: 50 },
  ];

  it('lies on the line between the two sizes that are named', () => {
    const shown = [0, 99, 100, 200, 300, 5000].map((size) => rateOf(rates, size));
    expect(shown).toEqual([undefined, undefined, 50, 30, 10, 10]);
    expect(rateOf([{ size: 0, rate: 7 }], 0)).toBeUndefined();
    expect(rateOf([{ size: 0, rate: 7 }], 1)).toBe(7);
  });
});

describe('a rate limiter', () => {
  it('makes each one wait its turn, and lets nobody wait too long', () => {
    const limiter = new RateLimiter(new ManualClock(), { ...none, maxSleepSeconds: 2 });
    expect([1, 2, 3].map(() => limiter.reserve('a', 1))).toEqual([0, 1000, undefined]);
    expect(limiter.reserve('b', 1)).toBe(0);
  });

  it('who was refused has taken nobody’s turn', () => {
    const clock = new ManualClock();
    const limiter = new RateLimiter(clock, { ...none, maxSleepSeconds: 2 });
    for (let i = 0; i < 100; i++) limiter.reserve('a', 1);
    clock.advance(1000);
    expect(limiter.reserve('a', 1)).toBe(1000);
  });

  it('keeps what was not used for a while, and no longer', () => {
    const clock = new ManualClock();
    const limiter = new RateLimiter(clock, none);
    limiter.reserve('a', 1);
    clock.advance(4000);
    expect([1, 2, 3, 4, 5].map(() => limiter.reserve('a', 1))).toEqual([0, 0, 0, 0, 1000]);
    clock.advance(60_000);
    expect([1, 2].map(() => limiter.reserve('a', 1))).toEqual([0, 1000]);
  });
});

describe('requests that come too fast', () => {
  it('wait, and are refused when they would wait too long', async () => {
    const patient = { ...none, account: 0.1, maxSleepSeconds: 15 };
    const { ask, clock } = await createHarness({ settings: { rateLimits: patient } });
    const start = clock.now();
    expect((await ask('PUT', `${account}/a`)).status).toBe(201);
    expect(clock.now() - start).toBeLessThan(5000);
    expect((await ask('PUT', `${account}/b`)).status).toBe(201);
    expect(clock.now() - start).toBeGreaterThanOrEqual(10_000);

    const rateLimits = { ...patient, maxSleepSeconds: 5 };
    const hasty = await createHarness({ settings: { rateLimits } });
    expect((await hasty.ask('PUT', `${account}/a`)).status).toBe(201);
    const refused = await hasty.ask('PUT', `${account}/b`);
    expect([refused.status, refused.text]).toEqual([498, 'Slow down']);
    expect((await hasty.ask('HEAD', account)).status).toBe(204);
    expect((await hasty.ask('PUT', `${account}/a/o`)).status).toBe(201);
  });

  it('are counted by container, its listings by themselves', async () => {
    const rate = [{ size: 1, rate: 0.01 }];
    const rateLimits = { ...none, container: rate, listing: rate };
    const { ask } = await createHarness({ settings: { rateLimits } });
    await ask('PUT', `${account}/c`);
    await ask('PUT', `${account}/c/empty-before`);
    expect((await ask('PUT', `${account}/c/first`)).status).toBe(201);
    expect((await ask('PUT', `${account}/c/second`)).status).toBe(498);
    expect((await ask('DELETE', `${account}/c/first`)).status).toBe(498);
    expect((await ask('GET', `${account}/c/first`)).status).toBe(200);
    expect((await ask('GET', `${account}/c`)).status).toBe(200);
    expect((await ask('GET', `${account}/c`)).status).toBe(498);
    expect((await ask('HEAD', `${account}/c`)).status).toBe(204);
    const headers = { Accept: 'application/json' };
    const body = '/c/first';
    const bulk = await ask('POST', `${account}?bulk-delete`, { headers, body });
    expect(JSON.parse(bulk.text)).toMatchObject({ Errors: [['/c/first', '498 Rate Limited']] });
  });

  it('are counted by account where it is named', async () => {
    const rateLimits = { ...none, writes: { AUTH_test: 0.01 } };
    const { ask, tokens } = await createHarness({ settings: { rateLimits } });
    expect((await ask('PUT', `${account}/c`)).status).toBe(201);
    expect((await ask('POST', account)).status).toBe(498);
    const token = tokens.other;
    for (const name of ['a', 'b', 'c']) {
      expect((await ask('PUT', `/v1/AUTH_test2/${name}`, { token })).status).toBe(201);
    }
  });

  it('are let through, or never, where the account is on a list', async () => {
    const allowed = {
      ...none,
      account: 0.001,
      allowlist: ['AUTH_test'],
      blocklist: ['AUTH_test2'],
    };
    const { ask, tokens } = await createHarness({ settings: { rateLimits: allowed } });
    for (const name of ['a', 'b', 'c']) {
      expect((await ask('PUT', `${account}/${name}`)).status).toBe(201);
    }
    const answer = await ask('GET', '/v1/AUTH_test2', { token: tokens.other });
    expect([answer.status, answer.text]).toEqual([497, 'Your account has been blacklisted']);
  });

  it('are told by /info what is allowed', async () => {
    const container = [
      { size: 100, rate: 5 },
      { size: 0, rate: 50 },
    ];
    const rateLimits = { ...none, account: 3, container };
    const { ask } = await createHarness({ settings: { rateLimits } });
    expect(JSON.parse((await ask('GET', '/info')).text)).toMatchObject({
      ratelimit: {
        account_ratelimit: 3,
        max_sleep_time_seconds: 60,
        container_ratelimits: [
          [0, 50],
          [100, 5],
        ],
        container_listing_ratelimits: [],
      },
    });
  });
});

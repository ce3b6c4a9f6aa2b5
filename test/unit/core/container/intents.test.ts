/**
 * Creating and deleting a container takes several commits in several shards. Here clients race over
 * one name and some die after any of their steps; whatever the order, the name must never belong to
 * two buckets, no answer may be wrong, and nothing may be stuck.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { StoreError } from '../../../../base/errors.ts';
import { silentLogger } from '../../../../base/log.ts';
import type { Core } from '../../../../server/core/api.ts';
import type { RequestContext } from '../../../../server/core/request.ts';
import { createCore } from '../../../../server/core/core.ts';
import { accountIdOf, bucketNameId } from '../../../../server/core/ids.ts';
import type { RowStore } from '../../../../server/core/ports.ts';
import {
  ManualClock,
  type MemoryPorts,
  createMemoryPorts,
  seededRandom,
} from '../../../memory/ports.ts';
import { kindOf } from '../fixture.ts';

const name = 'contested';
const accounts = ['AUTH_a', 'AUTH_b'] as const;

interface Client {
  readonly account: (typeof accounts)[number];
  readonly action: 'create-bucket' | 'create-container' | 'delete';
  /** Row calls it makes before it dies; undefined: it lives. */
  readonly diesAfter: number | undefined;
}

const client: fc.Arbitrary<Client> = fc.record({
  account: fc.constantFrom(...accounts),
  action: fc.constantFrom('create-bucket', 'create-bucket', 'create-container', 'delete'),
  diesAfter: fc.option(fc.nat(7), { nil: undefined, freq: 3 }),
});

/** The rows as one client sees them: each call waits for its turn, and the client may die. */
function turned(
  rows: RowStore,
  turn: <T>(call: () => Promise<T>) => Promise<T>,
  diesAfter = Number.POSITIVE_INFINITY,
): RowStore {
  let calls = 0;
  const wait = <T>(call: () => Promise<T>): Promise<T> => {
    if (calls++ >= diesAfter) {
      return Promise.reject(new StoreError('unavailable', 'test', 'this client died'));
    }
    return turn(call);
  };
  return {
    execute: (command) => wait(() => rows.execute(command)),
    get: (table, key) => wait(() => rows.get(table, key)),
    getWithBody: (table, key) => rows.getWithBody(table, key),
    listDirectory: (id, query) => rows.listDirectory(id, query),
    listCurrent: (id, query) => rows.listCurrent(id, query),
    listVersions: (id, query) => rows.listVersions(id, query),
    listUploads: (id, query) => rows.listUploads(id, query),
    listTombstones: (id, query) => rows.listTombstones(id, query),
    listParts: (at, after, limit) => rows.listParts(at, after, limit),
    usage: (id) => rows.usage(id),
    accountUsage: (id) => rows.accountUsage(id),
  };
}

class World {
  readonly ports: MemoryPorts;
  readonly #clock = new ManualClock();
  readonly #random = seededRandom('intents');

  constructor() {
    this.ports = createMemoryPorts({ clock: this.#clock, random: this.#random });
  }

  core(rows: RowStore = this.ports.rows): Core {
    const { bodies } = this.ports;
    const clock = this.#clock;
    return createCore({ rows, bodies, clock, random: this.#random, logger: silentLogger });
  }

  live(): readonly string[] {
    const containers = this.ports.rows.rowsOf('container');
    return containers.flatMap(({ row }) => (row.state === 'live' ? [row.account] : []));
  }

  claimant(): string | undefined {
    const claim = this.ports.rows.peek('bucketName', { nameId: bucketNameId(name) });
    return claim?.containerId;
  }
}

function as(account: string): RequestContext {
  return { principal: { type: 'user', account, user: 'u', role: 'owner' } };
}

async function act(core: Core, { account, action }: Client): Promise<string> {
  const address = { account, container: name };
  if (action === 'delete') return kindOf(core.deleteContainer(as(account), address));
  const claimName = action === 'create-bucket' ? 'required' : 'if-free';
  const options = { claimName, policy: undefined, settings: { made: action } } as const;
  const call = core.createContainer(as(account), address, options);
  const kind = await kindOf(call);
  return kind === 'fulfilled' ? ((await call).created ? 'created' : 'existed') : kind;
}

const allowed: Readonly<Record<Client['action'], readonly string[]>> = {
  'create-bucket': ['created', 'existed', 'name-taken', 'unavailable'],
  'create-container': ['created', 'existed', 'unavailable'],
  delete: ['fulfilled', 'no-such-container', 'unavailable'],
};

function count(
  clients: readonly Client[],
  answers: readonly string[],
  wanted: { account: string; answer: string },
): number {
  return clients.filter(
    (one, index) => one.account === wanted.account && answers[index] === wanted.answer,
  ).length;
}

test('whatever the order and whoever dies, the name has one owner and nothing is stuck', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(client, { minLength: 2, maxLength: 5 }),
      fc.scheduler(),
      async (clients, scheduler) => {
        const world = new World();
        const { rows } = world.ports;
        const turn = <T>(call: () => Promise<T>): Promise<T> =>
          scheduler.schedule(Promise.resolve()).then(call);
        const running = clients.map((one) =>
          act(world.core(turned(rows, turn, one.diesAfter)), one),
        );
        const answers = await scheduler.waitFor(Promise.all(running));
        clients.forEach((one, index) => expect(allowed[one.action]).toContain(answers[index]));
        checkCounts(world, clients, answers);
        await checkNothingStuck(world);
      },
    ),
    { numRuns: 400, seed: 5 },
  );
}, 60_000);

/** Each container that came to be was created once; each deletion deleted one. Only the dead leave room for doubt. */
function checkCounts(world: World, clients: readonly Client[], answers: readonly string[]): void {
  const live = world.live();
  for (const account of accounts) {
    const here = live.filter((owner) => owner === account).length;
    expect(here).toBeLessThanOrEqual(1);
    const created = count(clients, answers, { account, answer: 'created' });
    const deleted = count(clients, answers, { account, answer: 'fulfilled' });
    const unknown = count(clients, answers, { account, answer: 'unavailable' });
    expect(Math.abs(created - deleted - here)).toBeLessThanOrEqual(unknown);
  }
}

/** Each account in turn can have the bucket to itself, once what the dead had begun is finished and deleted. */
async function checkNothingStuck(world: World): Promise<void> {
  const { rows } = world.ports;
  const core = world.core();
  for (const account of accounts) {
    await deleteAll(core);
    const create = { account, action: 'create-bucket', diesAfter: undefined } as const;
    if ((await act(core, create)) !== 'created') {
      await deleteAll(core);
      expect(await act(core, create)).toBe('created');
    }
    expect(world.live()).toEqual([account]);
    const line = rows.peek('directory', { accountId: accountIdOf(account), name });
    expect(line).toMatchObject({ state: 'ready', containerId: world.claimant() });
    await core.deleteContainer(as(account), { account, container: name });
    expect(world.claimant()).toBeUndefined();
  }
  const left = rows.rowsOf('directory').filter(({ row }) => row.state === 'ready');
  expect(left).toEqual([]);
  for (const account of accounts) {
    const usage = await rows.accountUsage(accountIdOf(account));
    expect(usage).toMatchObject({ containers: 0, objects: 0, bytes: 0 });
  }
}

async function deleteAll(core: Core): Promise<void> {
  for (const account of accounts) {
    const kind = await kindOf(core.deleteContainer(as(account), { account, container: name }));
    expect(['fulfilled', 'no-such-container']).toContain(kind);
  }
}

test('while nobody dies, answers add up and a bucket always has its name', async () => {
  const cast = fc.shuffledSubarray<Pick<Client, 'account' | 'action'>>(
    [
      { account: 'AUTH_a', action: 'create-bucket' },
      { account: 'AUTH_a', action: 'create-bucket' },
      { account: 'AUTH_a', action: 'delete' },
      { account: 'AUTH_b', action: 'create-bucket' },
      { account: 'AUTH_b', action: 'create-bucket' },
      { account: 'AUTH_b', action: 'delete' },
      { account: 'AUTH_b', action: 'delete' },
    ],
    { minLength: 4 },
  );
  await fc.assert(
    fc.asyncProperty(cast, fc.scheduler(), async (members, scheduler) => {
      const clients = members.map((member) => ({ ...member, diesAfter: undefined }));
      const world = new World();
      const turn = <T>(call: () => Promise<T>): Promise<T> =>
        scheduler.schedule(Promise.resolve()).then(call);
      const running = clients.map((one) => act(world.core(turned(world.ports.rows, turn)), one));
      const answers = await scheduler.waitFor(Promise.all(running));
      expect(answers).not.toContain('unavailable');
      checkCounts(world, clients, answers);
      expect(world.live().length).toBeLessThanOrEqual(1);
      const containers = world.ports.rows.rowsOf('container');
      const live = containers.find(({ row }) => row.state === 'live');
      expect(world.claimant()).toBe(live?.key.containerId);
      const lines = world.ports.rows.rowsOf('directory').map(({ row }) => row);
      expect(lines.map((line) => [line.containerId, line.state])).toEqual(
        live === undefined ? [] : [[live.key.containerId, 'ready']],
      );
    }),
    { numRuns: 1200, seed: 77 },
  );
}, 60_000);

test('of two accounts that race for a bucket name one gets it', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), async (scheduler) => {
      const world = new World();
      const turn = <T>(call: () => Promise<T>): Promise<T> =>
        scheduler.schedule(Promise.resolve()).then(call);
      const running = accounts.map((account) =>
        act(world.core(turned(world.ports.rows, turn)), {
          account,
          action: 'create-bucket',
          diesAfter: undefined,
        }),
      );
      const answers = await scheduler.waitFor(Promise.all(running));
      expect(answers.toSorted()).toEqual(['created', 'name-taken']);
      expect(world.live()).toHaveLength(1);
    }),
    { numRuns: 100, seed: 6 },
  );
}, 60_000);

test('whoever finishes a creation makes the container that was asked for', async () => {
  for (let diesAfter = 1; diesAfter < 9; diesAfter++) {
    const world = new World();
    const dying = turned(world.ports.rows, (call) => call(), diesAfter);
    const begun = { account: 'AUTH_a', action: 'create-container', diesAfter } as const;
    await act(world.core(dying), begun);
    const line = world.ports.rows.rowsOf('directory')[0];
    const helper = { account: 'AUTH_a', action: 'create-bucket', diesAfter: undefined } as const;
    await act(world.core(), helper);
    const made = line === undefined ? 'create-bucket' : 'create-container';
    const row = world.ports.rows.rowsOf('container')[0]?.row;
    expect(row).toMatchObject({ state: 'live', settings: { made } });
  }
});

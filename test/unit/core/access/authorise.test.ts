import { expect, it, describe } from 'vitest';
import { silentLogger } from '../../../../base/log.ts';
import type { Action } from '../../../../server/core/access/actions.ts';
import type { AccessDialect, Statement } from '../../../../server/core/access/rules.ts';
import type { Core, Principal } from '../../../../server/core/api.ts';
import type { RequestContext } from '../../../../server/core/request.ts';
import { createCore } from '../../../../server/core/core.ts';
import type { RowStore } from '../../../../server/core/ports.ts';
import { ManualClock, createMemoryPorts, seededRandom } from '../../../memory/ports.ts';
import { account, kindOf, owner, putCommand, stranger, text } from '../fixture.ts';

const anyone = new Set(['everyone']);
const grant = (actions: readonly Action[], more: Partial<Statement> = {}): Statement => ({
  effect: 'allow',
  origin: 'policy',
  principals: anyone,
  actions: new Set(actions),
  ...more,
});

interface World {
  readonly core: Core;
  readonly reads: string[];
  /** Statements of the container `c`, by the text of its setting. */
  readonly texts: Map<string, readonly Statement[]>;
}

/** A dialect whose texts are names of statements that the test made. */
async function createWorld(ownedByWriter = false): Promise<World> {
  const clock = new ManualClock();
  const random = seededRandom('access');
  const ports = createMemoryPorts({ clock, random });
  const reads: string[] = [];
  const { rows: stored } = ports;
  const read: RowStore['get'] = (table, key) => {
    reads.push(table);
    return stored.get(table, key);
  };
  const rows = new Proxy<RowStore>(stored, {
    get: (target, name: keyof RowStore) =>
      name === 'get' ? read : (target[name] as () => unknown).bind(target),
  });
  const texts = new Map<string, readonly Statement[]>();
  const dialect: AccessDialect = {
    containerRules: ({ settings }) => {
      const statements = texts.get(settings['test:rules'] ?? '');
      return statements === undefined && !ownedByWriter
        ? undefined
        : { statements: statements ?? [], ownedByWriter };
    },
    objectRules: (row) => ({
      owner: row.system['test:owner'],
      statements: texts.get(row.system['test:rules'] ?? '') ?? [],
    }),
    facts: (name, { object }) =>
      name.startsWith('object-tag:') ? object?.system[name.slice(11)]?.split(',') : undefined,
  };
  const parts = { rows, bodies: ports.bodies, clock, random, logger: silentLogger };
  const core = createCore({ ...parts, dialects: [dialect] });
  await core.createContainer(
    owner,
    { account, container: 'c' },
    { claimName: 'if-free', policy: undefined, settings: {} },
  );
  return { core, reads, texts };
}

async function setRules(world: World, ...statements: readonly Statement[]): Promise<void> {
  const name = `rules-${world.texts.size}`;
  world.texts.set(name, statements);
  const settings = { 'test:rules': name };
  await world.core.updateContainer(owner, { account, container: 'c' }, { settings });
}

const nobody: RequestContext = {
  principal: { type: 'anonymous', account: '', user: '', role: 'member' },
};
const as = (more: Partial<Principal>): RequestContext => ({
  principal: { type: 'user', account, user: 'm', role: 'member', ...more },
});
const at = { account, container: 'c', key: 'k' };

function allowed(
  world: World,
  ctx: RequestContext,
  action: Action,
  address: Parameters<Core['isAllowed']>[1]['address'] = at,
): Promise<boolean> {
  return world.core.isAllowed(ctx, { address, actions: [action] });
}

describe('what a principal is', () => {
  it('decides without rules', async () => {
    const world = await createWorld();
    const permits = [
      { account, container: 'c', keyPrefix: 'k', actions: new Set<Action>(['object.read']) },
    ];
    const cases: readonly [RequestContext, read: boolean, write: boolean][] = [
      [owner, true, true],
      [stranger, false, false],
      [nobody, false, false],
      [as({}), false, false],
      [as({ role: 'reader' }), true, false],
      [as({ role: 'reader', account: 'AUTH_x' }), false, false],
      [as({ role: 'reseller', account: 'AUTH_x' }), true, true],
      [as({ role: 'reseller-reader', account: 'AUTH_x' }), true, false],
      [as({ role: 'owner', account: 'AUTH_x', owns: [account] }), true, true],
      [as({ role: 'member', account: 'AUTH_x', owns: [account] }), false, false],
      [as({ type: 'temporary', role: 'owner', permits }), true, false],
      [as({ type: 'temporary', role: 'owner' }), false, false],
    ];
    for (const [ctx, read, write] of cases) {
      expect([ctx.principal, await allowed(world, ctx, 'object.read')]).toEqual([
        ctx.principal,
        read,
      ]);
      expect([ctx.principal, await allowed(world, ctx, 'object.write')]).toEqual([
        ctx.principal,
        write,
      ]);
    }
    const temporary = as({ type: 'temporary', role: 'owner', permits });
    const elsewhere = { ...at, key: 'other' };
    expect(await allowed(world, temporary, 'object.read', elsewhere)).toBe(false);
  });

  it('costs an owner no row beyond the container', async () => {
    const world = await createWorld();
    await world.core.isAllowed(owner, { address: at, actions: ['object.read'] });
    world.reads.length = 0;
    await world.core.isAllowed(owner, { address: at, actions: ['object.read'] });
    expect(world.reads).toEqual(['container']);
  });
});

describe('rules', () => {
  it('grant and deny, and a denial wins over ownership', async () => {
    const world = await createWorld();
    await setRules(
      world,
      grant(['object.read']),
      grant(['object.read', 'object.write'], {
        effect: 'deny',
        conditions: [{ fact: 'referer', operator: 'equals', values: [['bad']] }],
      }),
    );
    expect(await allowed(world, nobody, 'object.read')).toBe(true);
    expect(await allowed(world, nobody, 'object.write')).toBe(false);
    const facts = (name: string): readonly string[] | undefined =>
      name === 'referer' ? ['bad'] : undefined;
    expect(await allowed(world, { ...nobody, facts }, 'object.read')).toBe(false);
    expect(await allowed(world, owner, 'object.write')).toBe(true);
    expect(await allowed(world, { ...owner, facts }, 'object.write')).toBe(false);
  });

  it('never lock the account out of its policy', async () => {
    const world = await createWorld();
    const actions: readonly Action[] = [
      'container.read-policy',
      'container.write-policy',
      'container.delete-policy',
    ];
    await setRules(world, grant([...actions, 'container.list'], { effect: 'deny' }));
    const container = { account, container: 'c' };
    for (const action of actions) {
      expect(await allowed(world, owner, action, container)).toBe(true);
      expect(await allowed(world, as({ role: 'reader' }), action, container)).toBe(false);
    }
    expect(await allowed(world, owner, 'container.list', container)).toBe(false);
  });

  it('speak of places', async () => {
    const world = await createWorld();
    await setRules(world, grant(['object.read'], { resources: [['c/a', { type: 'any' }]] }));
    expect(await allowed(world, nobody, 'object.read', { ...at, key: 'a/b' })).toBe(true);
    expect(await allowed(world, nobody, 'object.read', { ...at, key: 'b' })).toBe(false);
    await setRules(
      world,
      grant(['object.read'], { resources: [['c/a', { type: 'any' }]], exceptResources: true }),
    );
    expect(await allowed(world, nobody, 'object.read', { ...at, key: 'a/b' })).toBe(false);
    expect(await allowed(world, nobody, 'object.read', { ...at, key: 'b' })).toBe(true);
  });

  it('mean principals by their names', async () => {
    const world = await createWorld();
    const one = async (ctx: RequestContext, name: string, except = false): Promise<boolean> => {
      const more = { principals: new Set([name]), exceptPrincipals: except };
      await setRules(world, grant(['object.read'], more));
      return allowed(world, ctx, 'object.read');
    };
    const member = as({ account: 'AUTH_x', names: ['group:staff'] });
    expect(await one(member, 'authenticated')).toBe(true);
    expect(await one(nobody, 'authenticated')).toBe(false);
    expect(await one(member, 'account:AUTH_x')).toBe(true);
    expect(await one(member, 'owner:AUTH_x')).toBe(false);
    expect(await one(stranger, 'owner:AUTH_other')).toBe(true);
    expect(await one(member, 'user:AUTH_x:m')).toBe(true);
    expect(await one(member, 'user:AUTH_x:n')).toBe(false);
    expect(await one(member, 'group:staff')).toBe(true);
    expect(await one(member, 'group:staff', true)).toBe(false);
    expect(await one(nobody, 'group:staff', true)).toBe(true);
  });

  it('ask about the object that is there, and read it only then', async () => {
    const world = await createWorld();
    const tagged = putCommand('c', 'k', text('x'), { system: { level: 'public' } });
    await world.core.putObject(owner, tagged);
    await setRules(
      world,
      grant(['object.read'], {
        conditions: [{ fact: 'object-tag:level', operator: 'equals', values: [['public']] }],
      }),
      grant(['object.write']),
    );
    expect(await allowed(world, nobody, 'object.read')).toBe(true);
    expect(await allowed(world, nobody, 'object.read', { ...at, key: 'none' })).toBe(false);
    world.reads.length = 0;
    expect(await allowed(world, nobody, 'object.write')).toBe(true);
    expect(world.reads).not.toContain('current');
  });

  it('change with the row that they stand in', async () => {
    const world = await createWorld();
    await setRules(world, grant(['object.read']));
    expect(await allowed(world, nobody, 'object.read')).toBe(true);
    await setRules(world, grant(['object.read'], { effect: 'deny' }));
    expect(await allowed(world, nobody, 'object.read')).toBe(false);
  });
});

describe('objects with owners of their own', () => {
  it('are read by their owner, and by the account of the container only where they say so', async () => {
    const world = await createWorld(true);
    world.texts.set('open', [grant(['object.read'], { origin: 'acl' })]);
    world.texts.set('theirs', [
      grant(['object.read'], { origin: 'acl', principals: new Set(['owner:AUTH_other']) }),
    ]);
    const put = (key: string, rules: string): Promise<unknown> =>
      world.core.putObject(
        owner,
        putCommand('c', key, text('x'), {
          system: { 'test:owner': 'AUTH_other', 'test:rules': rules },
        }),
      );
    await put('k', 'theirs');
    await put('open', 'open');
    await world.core.putObject(owner, putCommand('c', 'own', text('x')));
    expect(await allowed(world, owner, 'object.read')).toBe(false);
    expect(await allowed(world, stranger, 'object.read')).toBe(true);
    expect(await allowed(world, owner, 'object.delete')).toBe(true);
    expect(await allowed(world, owner, 'object.read', { ...at, key: 'open' })).toBe(true);
    expect(await allowed(world, owner, 'object.read', { ...at, key: 'own' })).toBe(true);
    expect(await allowed(world, owner, 'object.read', { ...at, key: 'none' })).toBe(true);
    // A policy of the container does not speak for other people's objects.
    await setRules(world, grant(['object.read']));
    expect(await allowed(world, nobody, 'object.read')).toBe(false);
    expect(await allowed(world, nobody, 'object.read', { ...at, key: 'own' })).toBe(true);
  });
});

describe('permits', () => {
  it('spare operations on their place a second question', async () => {
    const world = await createWorld();
    await world.core.putObject(owner, putCommand('c', 'k', text('x')));
    await setRules(world, grant(['object.read-tags']));
    const ctx = await world.core.authorise(nobody, { address: at, actions: ['object.read-tags'] });
    const read = { ...at, condition: {} };
    expect(await kindOf(world.core.openObject(ctx, read))).toBe('fulfilled');
    expect(await kindOf(world.core.openObject(nobody, read))).toBe('unauthenticated');
    expect(await kindOf(world.core.openObject(ctx, { ...read, key: 'l' }))).toBe('unauthenticated');
    expect(await kindOf(world.core.headContainer(ctx, at))).toBe('fulfilled');
  });

  it('to read are none to write, not even the object that is copied onto itself', async () => {
    const world = await createWorld();
    await world.core.putObject(owner, putCommand('c', 'k', text('x')));
    await setRules(world, grant(['object.read']));
    const ctx = await world.core.authorise(nobody, { address: at, actions: ['object.read'] });
    expect(await kindOf(world.core.putObject(ctx, putCommand('c', 'k', text('y'))))).toBe(
      'unauthenticated',
    );
    const copy = {
      ...{ source: at, sourceCondition: {}, target: at, condition: {} },
      describe: () => ({ contentType: '', system: {}, user: {} }),
    };
    expect(await kindOf(world.core.copyObject(ctx, copy))).toBe('unauthenticated');
    await setRules(world, grant(['object.write']));
    const writing = await world.core.authorise(nobody, { address: at, actions: ['object.write'] });
    expect(await kindOf(world.core.copyObject(writing, copy))).toBe('unauthenticated');
  });

  it('without actions grant nothing', async () => {
    const world = await createWorld();
    const ctx = await world.core.authorise(nobody, { address: at, actions: [] });
    expect(ctx.permit.found?.row.name).toBe('c');
    expect(ctx.permit.leave).toBe(undefined);
    expect(await kindOf(world.core.openObject(ctx, { ...at, condition: {} }))).toBe(
      'unauthenticated',
    );
  });
});

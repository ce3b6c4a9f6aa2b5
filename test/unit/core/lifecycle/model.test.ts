/** Random histories under random rules: what is left is what the reference leaves, after every look. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { silentLogger } from '../../../../base/log.ts';
import { createCore } from '../../../../server/core/core.ts';
import type { Lifecycle, LifecycleRule } from '../../../../server/core/lifecycle/rules.ts';
import { TAGS } from '../../../../server/core/metadata.ts';
import { versionIdOf } from '../../../../server/core/model.ts';
import { micros } from '../../../../base/units.ts';
import { memoryLifecycle } from '../../../memory/lifecycle.ts';
import { createMemoryPorts, ManualClock, seededRandom } from '../../../memory/ports.ts';
import { account, createContainer, owner, putCommand } from '../fixture.ts';
import { classes, LifecycleModel } from './reference.ts';

const DAY = 1000;
const CONTAINER = 'c';
const keys = ['a/1', 'a/2', 'b'] as const;

type Step =
  | {
      readonly type: 'put';
      readonly key: string;
      readonly size: number;
      readonly tags: readonly string[];
    }
  | { readonly type: 'delete'; readonly key: string }
  | { readonly type: 'delete-version'; readonly key: string; readonly place: number }
  | { readonly type: 'tag'; readonly key: string; readonly tags: readonly string[] }
  | { readonly type: 'upload'; readonly key: string }
  | { readonly type: 'rules'; readonly lifecycle: Lifecycle | null }
  | { readonly type: 'versioning'; readonly versioning: 'enabled' | 'suspended' }
  | { readonly type: 'wait'; readonly millis: number };

const key = fc.constantFrom(...keys);
const tags = fc.subarray(['t=1', 'u=2']);
const days = fc.integer({ min: 1, max: 4 });
const storageClass = fc.constantFrom(...classes);
const keep = fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined });
const when = fc.oneof(
  fc.record({ days }),
  fc.integer({ min: 0, max: 12 }).map((day) => ({ at: new ManualClock().now() + day * DAY })),
);
const filter = fc.oneof(
  { weight: 3, arbitrary: fc.record({ prefix: fc.constantFrom('', 'a/', 'a/1') }) },
  fc.record({
    prefix: fc.constantFrom('', 'a/'),
    tags: fc.constantFrom(['t=1'], ['t=1', 'u=2']),
  }),
  fc.record({ prefix: fc.constant(''), sizeAbove: fc.constantFrom(0, 3) }),
  fc.record({ prefix: fc.constant(''), sizeBelow: fc.constantFrom(3, 30) }),
);
const rule: fc.Arbitrary<LifecycleRule> = fc.record(
  {
    id: fc.constant('r'),
    isEnabled: fc.boolean().map((off) => !off || true),
    filter,
    expiration: when,
    removesLoneMarkers: fc.boolean(),
    noncurrentExpiration: fc.record({ days, keep }),
    transitions: fc.array(
      fc.tuple(when, storageClass).map(([time, name]) => ({ ...time, storageClass: name })),
      { maxLength: 2 },
    ),
    noncurrentTransitions: fc.array(fc.record({ days, keep, storageClass }), { maxLength: 2 }),
    abortUploadsAfterDays: days,
  },
  { requiredKeys: ['id', 'isEnabled', 'filter'] },
);

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('put' as const),
      key,
      // In the row, and outside of it.
      size: fc.constantFrom(0, 2, 5, 40),
      tags,
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('delete' as const), key }) },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('delete-version' as const), key, place: fc.nat(3) }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('tag' as const), key, tags }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('upload' as const), key }) },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('rules' as const),
      lifecycle: fc.option(fc.record({ rules: fc.array(rule, { minLength: 1, maxLength: 3 }) }), {
        freq: 8,
      }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('versioning' as const),
      versioning: fc.constantFrom('enabled' as const, 'suspended' as const),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('wait' as const),
      millis: fc.constantFrom(1, 400, 1000, 1500, 2000, 5000),
    }),
  },
);

function createWorld() {
  const clock = new ManualClock();
  const random = seededRandom('lifecycle');
  const storageClasses = classes.map((name) => ({ name, policy: 'replica:3', isArchive: false }));
  const context = { dayMillis: DAY, classes: storageClasses };
  const ports = createMemoryPorts({ clock, random, lifecycle: context });
  const limits = { inlineBytes: 16, minPartBytes: 0 };
  const core = createCore({
    ...{ ...ports, clock, random, logger: silentLogger, limits, storageClasses },
  });
  return { ...ports, core, clock, workers: memoryLifecycle({ ...ports, clock, context }) };
}

class Run {
  readonly #world = createWorld();
  readonly #model = new LifecycleModel(DAY);
  #containerId = '';

  async start(): Promise<void> {
    this.#containerId = await createContainer(this.#world.core, CONTAINER);
  }

  async take(next: Step): Promise<void> {
    const { core, clock } = this.#world;
    const model = this.#model;
    const address = { account, container: CONTAINER };
    if (next.type === 'wait') {
      clock.advance(next.millis);
      return this.#look();
    }
    clock.advance(1);
    if (next.type === 'rules') {
      const { lifecycle } = next;
      await core.updateContainer(owner, address, { settings: {}, lifecycle });
      model.lifecycle = lifecycle ?? undefined;
      return this.#look();
    }
    if (next.type === 'versioning') {
      const { versioning } = next;
      await core.updateContainer(owner, address, { settings: {}, versioning });
      model.versioning = versioning;
      return undefined;
    }
    await this.#change(next);
    return undefined;
  }

  async #change(next: Exclude<Step, { type: 'wait' | 'rules' | 'versioning' }>): Promise<void> {
    const { core } = this.#world;
    const model = this.#model;
    const { key: name } = next;
    const address = { account, container: CONTAINER, key: name };
    const [newest] = model.versionsOf(name);
    if (next.type === 'put') {
      const system = next.tags.length === 0 ? {} : { [TAGS]: next.tags.join('&') };
      const bytes = new Uint8Array(next.size).fill(1);
      const { row } = await core.putObject(owner, putCommand(CONTAINER, name, bytes, { system }));
      const { size, tags: own } = next;
      const kept = {
        stamp: row.version,
        isMarker: false,
        size,
        tags: own,
        storageClass: undefined,
      };
      model.push(name, kept);
    } else if (next.type === 'delete') {
      const { marker } = await core.deleteObject(owner, { ...address, condition: {} });
      if (marker !== undefined) {
        const empty = { isMarker: true, size: 0, tags: [], storageClass: undefined };
        model.push(name, { ...empty, stamp: marker.version });
      } else if (newest !== undefined) model.remove(name, newest.stamp);
    } else if (next.type === 'delete-version') {
      const version = model.versionsOf(name)[next.place];
      if (version === undefined) return;
      const { isNull, stamp } = version;
      const versionId = versionIdOf({ isNull, version: micros(stamp) });
      await core.deleteObject(owner, { ...address, versionId, condition: {} });
      model.remove(name, stamp);
    } else if (next.type === 'tag') {
      if (newest === undefined || newest.isMarker) return;
      const text = next.tags.length === 0 ? null : next.tags.join('&');
      const change = { systemPatch: { [TAGS]: text }, isSilent: true };
      await core.updateObject(owner, address, change);
      newest.tags = next.tags;
    } else {
      const described = { contentType: 'text/plain', system: {}, user: {} };
      const { uploadId, startedAt } = await core.createUpload(owner, { ...address, ...described });
      const open = model.uploads.get(name) ?? [];
      model.uploads.set(name, [...open, { id: uploadId, startedAt }]);
    }
  }

  /** Both look; markers that lifecycle made are the newest in the store, and lend the model their stamps. */
  async #look(): Promise<void> {
    const { workers, clock } = this.#world;
    await workers.run();
    const mark = (name: string): number => {
      const marker = this.#stored().find(([key, , isMarker]) => key === name && isMarker);
      return marker?.[1] ?? Number.MAX_SAFE_INTEGER;
    };
    while (this.#model.look(clock.now(), mark));
    this.check();
  }

  #stored(): (readonly [string, number, boolean, string | undefined])[] {
    const { rows } = this.#world;
    return [...rows.rowsOf('current'), ...rows.rowsOf('version')]
      .filter(({ key: at }) => at.containerId === this.#containerId)
      .map(({ key: at, row }) => {
        return [at.key, row.version, row.kind === 'delete-marker', row.storageClass] as const;
      })
      .sort(([a, x], [b, y]) => (a === b ? y - x : a < b ? -1 : 1));
  }

  check(): void {
    const expected = keys.flatMap((name) =>
      this.#model
        .versionsOf(name)
        .map((one) => [name, one.stamp, one.isMarker, one.storageClass] as const),
    );
    expect(this.#stored()).toEqual(expected);
    const { rows } = this.#world;
    const open = rows.rowsOf('upload').map(({ row }) => row.uploadId);
    const uploads = keys.flatMap((name) => this.#model.uploads.get(name) ?? []);
    expect(open.toSorted()).toEqual(uploads.map(({ id }) => id).toSorted());
    // What waits is bounded by what there is: no row is written for ever anew.
    const things = expected.length + uploads.length;
    expect(rows.rowsOf('due').length).toBeLessThanOrEqual(40 * (things + 4));
  }
}

test('lifecycle removes, marks, moves and aborts exactly what the rules say', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const run = new Run();
      await run.start();
      for (const next of steps) await run.take(next);
    }),
    { numRuns: 300, seed: 1 },
  );
});

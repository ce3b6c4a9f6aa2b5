/** Broken clusters: each leaves out one thing that the promises rest on. */
import type { Coordinator, Lease } from '../../../storage/shard/coordinator.ts';
import { LocalReplica } from '../../../storage/shard/replica/replica.ts';
import type { FaultKind } from './scenario.ts';
import { RemoteReplica } from '../../../server/storage-node/remote/replica.ts';

export interface Mutation {
  /** Changes what processes are made of; returns what undoes it. */
  readonly apply: () => () => void;
  readonly coordinator?: (coordinator: Coordinator) => Coordinator;
  /** The kind of fault that shows it soonest. */
  readonly favourite: FaultKind;
  readonly changesRings?: true;
  /** A seed near which it was seen; others show it, too. */
  readonly first: number;
}

/** The same coordinator with some calls of its own. */
function withCalls(inner: Coordinator, calls: Partial<Coordinator>): Coordinator {
  return new Proxy(inner, {
    get(target, name): unknown {
      const own: unknown = Reflect.get(calls, name);
      if (own !== undefined) return own;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

const nothing = (): (() => void) => () => undefined;

function endless(lease: Lease): Lease {
  return new Proxy(lease, {
    get(target, name): unknown {
      if (name === 'held') return () => true;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

type Method<Self> = (this: Self, ...args: readonly unknown[]) => unknown;

/** Puts another function in the place of a method; returns what undoes it. */
function inPlaceOf<Self extends object>(
  prototype: Self,
  name: keyof Self & string,
  make: (original: (self: Self, args: readonly unknown[]) => unknown) => Method<Self>,
): () => void {
  const original: unknown = Reflect.get(prototype, name);
  if (typeof original !== 'function') throw new Error(`there is no method ${name}`);
  Reflect.set(
    prototype,
    name,
    make((self, args) => Reflect.apply(original, self, [...args]) as unknown),
  );
  return () => Reflect.set(prototype, name, original);
}

/** Calls whose first argument is the caller's epoch. */
const byEpoch = ['begin', 'reset', 'copy', 'level', 'remove', 'status'] as const;

/** Whatever epoch the caller has, the replica takes it for its own. */
function ignoreEpochs(): () => void {
  const { prototype } = LocalReplica;
  const newest = (replica: LocalReplica, given: unknown): unknown =>
    typeof given === 'number' && given < replica.state.epoch ? replica.state.epoch : given;
  const undo = byEpoch.map((name) =>
    inPlaceOf(
      prototype,
      name,
      (original) =>
        function (epoch, ...rest) {
          return original(this, [newest(this, epoch), ...rest]);
        },
    ),
  );
  const undoAppend = inPlaceOf(
    prototype,
    'append',
    (original) =>
      function (shipment) {
        const { epoch } = shipment as { epoch: unknown };
        return original(this, [{ ...(shipment as object), epoch: newest(this, epoch) }]);
      },
  );
  return () => {
    for (const one of [...undo, undoAppend]) one();
  };
}

/** Commits to other machines count as synced when they were sent. */
function acknowledgeEarly(): () => void {
  return inPlaceOf(
    RemoteReplica.prototype,
    'append',
    (original) =>
      function (shipment) {
        (original(this, [shipment]) as Promise<unknown>).catch(() => undefined);
        return Promise.resolve();
      },
  );
}

export const mutations: Readonly<Record<string, Mutation>> = {
  'a replica that ignores epochs': { apply: ignoreEpochs, favourite: 'freeze', first: 13 },
  'a primary that reads without its lease': {
    ...{ apply: nothing, favourite: 'engine', first: 1 },
    coordinator: (inner) =>
      withCalls(inner, { lease: async (presence) => endless(await inner.lease(presence)) }),
  },
  'an acknowledgement before the whole in-sync set has synced': {
    ...{ apply: acknowledgeEarly, favourite: 'behind', first: 1 },
  },
  'a replica that leaves the set without a new epoch in the map': {
    ...{ apply: nothing, favourite: 'behind', first: 1 },
    coordinator: (inner) =>
      withCalls(inner, {
        updateShard: (id, next, ended) => {
          const now = inner.current().shards.find((shard) => shard.id === id);
          const leaves =
            now !== undefined &&
            next.session === now.session &&
            next.inSync.length < now.inSync.length;
          if (leaves) return Promise.resolve(inner.current());
          return inner.updateShard(id, next, ended);
        },
      }),
  },
  'a rebalance that drops the old ring early': {
    ...{ apply: nothing, favourite: 'jump', first: 1, changesRings: true },
    coordinator: (inner) =>
      withCalls(inner, {
        updatePolicy: (expected, { former: _former, ...next }) =>
          inner.updatePolicy(expected, next),
      }),
  },
};

/** What every Coordinator promises, whichever engine stands behind it. */
import { expect, it } from 'vitest';
import { deviceId, epoch, shardId } from '../../base/units.ts';
import type { ClusterMap, Coordinator, DeviceState } from '../../storage/shard/coordinator.ts';
import type { ShardState } from '../../storage/shard/shard.ts';

const device = (place: number): DeviceState => ({
  id: deviceId(place),
  uuid: `${place}`.repeat(32),
  region: 'r1',
  zone: 'z1',
  node: 'n1',
  path: `devices/d${place}`,
  weight: 1,
  status: 'up',
});
const shard = (place: number): ShardState => ({
  id: shardId(place),
  start: `${place - 1}`.padEnd(32, '0'),
  epoch: epoch(1),
  replicas: [deviceId(1), deviceId(2), deviceId(3)],
  primary: deviceId(1),
  inSync: [deviceId(1), deviceId(2), deviceId(3)],
});

export const contractMap: ClusterMap = {
  format: 1,
  clusterId: '0123456789abcdef0123456789abcdef',
  version: 1,
  devices: [1, 2, 3, 4, 5].map(device),
  policies: [{ name: 'p', scheme: 'replica:3', ring: '' }],
  defaultPolicy: 'p',
  shards: [1, 2, 3].map(shard),
};

export interface CoordinatorUnderTest {
  readonly coordinator: Coordinator;
  /** Stops it, and everything of this process, and starts one again on what is durable. */
  readonly reopen: () => Promise<Coordinator>;
}

function stateOf(coordinator: Coordinator, id: number): ShardState {
  const found = coordinator.current().shards.find((one) => one.id === id);
  if (found === undefined) throw new Error('the map does not know the shard');
  return found;
}

function nextOf(coordinator: Coordinator, id: number, primary: number): ShardState {
  const state = stateOf(coordinator, id);
  return { ...state, epoch: epoch(state.epoch + 1), primary: deviceId(primary) };
}

/** `make` begins with `contractMap`; each test calls it once. */
export function coordinatorContract(make: () => Promise<CoordinatorUnderTest>): void {
  it('knows the map that it was made with', async () => {
    const { coordinator } = await make();
    expect(coordinator.current().shards).toEqual(contractMap.shards);
    expect(coordinator.current().devices).toEqual(contractMap.devices);
  });

  it('changes a shard by its next epoch, and no other', async () => {
    const { coordinator } = await make();
    const before = coordinator.current().version;
    const next = nextOf(coordinator, 2, 3);
    const map = await coordinator.updateShard(next.id, next);
    expect(map.version).toBeGreaterThan(before);
    expect(map.shards[1]).toEqual(next);
    expect(map.shards[0]).toEqual(contractMap.shards[0]);
    expect(coordinator.current()).toEqual(map);
    await expect(coordinator.updateShard(next.id, next)).rejects.toMatchObject({
      kind: 'stale-epoch',
    });
    const skipped = { ...next, epoch: epoch(next.epoch + 2) };
    await expect(coordinator.updateShard(next.id, skipped)).rejects.toMatchObject({
      kind: 'stale-epoch',
    });
    const unknown = { ...next, id: shardId(99) };
    await expect(coordinator.updateShard(unknown.id, unknown)).rejects.toMatchObject({
      kind: 'stale-epoch',
    });
    expect(coordinator.current()).toEqual(map);
  });

  it('lets exactly one of racing changes of an epoch win', async () => {
    const { coordinator } = await make();
    const races = [1, 2, 3, 1, 2].map((primary) => {
      const next = nextOf(coordinator, 1, primary);
      return coordinator.updateShard(next.id, next);
    });
    const outcomes = await Promise.allSettled(races);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(stateOf(coordinator, 1).epoch).toBe(2);
  });

  it('takes changes of different shards at the same time', async () => {
    const { coordinator } = await make();
    await Promise.all(
      [1, 2, 3].map((id) => {
        const next = nextOf(coordinator, id, 2);
        return coordinator.updateShard(next.id, next);
      }),
    );
    expect(coordinator.current().shards.map((one) => one.primary)).toEqual([2, 2, 2]);
  });

  it('adds, changes and removes shards at once, or not at all, and gives no number twice', async () => {
    const { coordinator, reopen } = await make();
    const young: ShardState = { ...shard(4), id: shardId(4), takesFrom: shardId(1) };
    const added = await coordinator.reshape([{ id: young.id, epoch: undefined, next: young }]);
    expect(added.shards.map(({ id }) => id)).toEqual([1, 2, 3, 4]);
    expect(added.shards[3]).toEqual(young);
    expect(added.lastShard).toBe(4);
    const first = { ...nextOf(coordinator, 1, 1), untrimmed: true } as const;
    const { takesFrom: _none, ...taken } = nextOf(coordinator, 4, 1);
    const stale = { id: shardId(2), epoch: epoch(7), next: nextOf(coordinator, 2, 1) };
    const both = [
      { id: shardId(1), epoch: epoch(1), next: first },
      { id: shardId(4), epoch: epoch(1), next: taken },
    ];
    await expect(coordinator.reshape([...both, stale])).rejects.toMatchObject({
      kind: 'stale-epoch',
    });
    expect(coordinator.current()).toEqual(added);
    await coordinator.reshape(both);
    expect(stateOf(coordinator, 1)).toEqual(first);
    expect(stateOf(coordinator, 4)).toEqual(taken);
    await coordinator.reshape([{ id: shardId(4), epoch: epoch(2), next: undefined }]);
    const again = { id: shardId(4), epoch: undefined, next: young };
    await expect(coordinator.reshape([again])).rejects.toMatchObject({ kind: 'stale-epoch' });
    const map = (await reopen()).current();
    expect(map.shards.map(({ id }) => id)).toEqual([1, 2, 3]);
    expect(map.lastShard).toBe(4);
  });

  it('changes a device by the uuid that it has', async () => {
    const { coordinator } = await make();
    const next: DeviceState = { ...device(4), uuid: 'another', status: 'replacing' };
    await coordinator.updateDevice(next.id, '4'.repeat(32), next);
    expect(coordinator.current().devices[3]).toEqual(next);
    await expect(coordinator.updateDevice(next.id, '4'.repeat(32), next)).rejects.toMatchObject({
      kind: 'conflict',
    });
  });

  it('adds devices and takes them out, and never gives a number twice', async () => {
    const { coordinator, reopen } = await make();
    const highest = Math.max(...contractMap.devices.map(({ id }) => id));
    const add = (uuid: string) =>
      coordinator.addDevice((last) => ({ ...device(1), id: deviceId(last + 1), uuid }));
    await Promise.all([add('x'), add('y')]);
    const added = coordinator.current().devices.slice(contractMap.devices.length);
    expect(added.map(({ id }) => id)).toEqual([highest + 1, highest + 2]);
    const last = added.at(-1) ?? device(1);
    await expect(coordinator.removeDevice(last.id, 'z')).rejects.toMatchObject({
      kind: 'conflict',
    });
    await coordinator.removeDevice(last.id, last.uuid);
    const again = await reopen();
    expect(again.current().devices).toHaveLength(contractMap.devices.length + 1);
    const map = await again.addDevice((before) => ({
      ...device(1),
      id: deviceId(before + 1),
      uuid: 'z',
    }));
    expect(map.devices.at(-1)?.id).toBe(highest + 3);
  });

  it('adds a policy, changes its line by the line that it has, and makes it the default', async () => {
    const { coordinator, reopen } = await make();
    const added = { name: 'q', aliases: ['r'], scheme: 'ec:2+1', ring: 'ring of q' };
    await coordinator.updatePolicy(undefined, added);
    expect(coordinator.current().policies).toEqual([...contractMap.policies, added]);
    const isConflict = { kind: 'conflict' };
    await expect(coordinator.updatePolicy(undefined, added)).rejects.toMatchObject(isConflict);
    const old = { ...added, isDeprecated: true };
    await coordinator.updatePolicy(added, old);
    await expect(coordinator.updatePolicy(added, old)).rejects.toMatchObject(isConflict);
    await expect(coordinator.setDefaultPolicy('s')).rejects.toMatchObject(isConflict);
    await coordinator.setDefaultPolicy('q');
    const again = await reopen();
    expect(again.current()).toMatchObject({
      policies: [...contractMap.policies, old],
      defaultPolicy: 'q',
    });
  });

  it('tells every change once and in order, until unsubscribed', async () => {
    const { coordinator } = await make();
    const versions: number[] = [];
    const unsubscribe = coordinator.watch((map) => versions.push(map.version));
    for (let round = 0; round < 3; round++) {
      const next = nextOf(coordinator, 1, 1 + round);
      await coordinator.updateShard(next.id, next);
    }
    expect(versions).toHaveLength(3);
    expect(versions).toEqual(versions.toSorted((a, b) => a - b));
    expect(versions.at(-1)).toBe(coordinator.current().version);
    unsubscribe();
    const next = nextOf(coordinator, 1, 1);
    await coordinator.updateShard(next.id, next);
    expect(versions).toHaveLength(3);
  });

  it('keeps what it acknowledged when everything stops', async () => {
    const { coordinator, reopen } = await make();
    const next = nextOf(coordinator, 3, 2);
    const map = await coordinator.updateShard(next.id, next);
    const again = await reopen();
    expect(again.current().shards).toEqual(map.shards);
    expect(again.current().version).toBeGreaterThanOrEqual(map.version);
    const later = nextOf(again, 3, 3);
    await again.updateShard(later.id, later);
    expect(stateOf(again, 3).epoch).toBe(3);
  });

  it('holds a lease until it is released', async () => {
    const { coordinator } = await make();
    const lease = await coordinator.lease({
      ...{ node: 'n1', instance: 'i1', address: '127.0.0.1:1', devices: [] },
    });
    expect(lease.held()).toBe(true);
    await lease.release();
    expect(lease.held()).toBe(false);
  });
}

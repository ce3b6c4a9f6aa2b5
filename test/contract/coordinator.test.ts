import { describe, expect, it } from 'vitest';
import type { Disk } from '../../base/disk.ts';
import { isStoreError } from '../../base/errors.ts';
import { deviceId, epoch } from '../../base/units.ts';
import { EmbeddedCoordinator } from '../../server/coordinator/embedded.ts';
import { readMap } from '../../server/coordinator/map-file.ts';
import { initialiseDevice } from '../../storage/device/superblock.ts';
import type { ShardState } from '../../storage/shard/shard.ts';
import { SimDisk } from '../sim/disk.ts';
import { SeededRandom } from '../sim/random.ts';
import { contractMap, coordinatorContract } from './coordinator-contract.ts';

const random = new SeededRandom(5);
const makeDisks = (): SimDisk[] => contractMap.devices.map(() => new SimDisk());

async function reopen(disks: readonly Disk[]): Promise<EmbeddedCoordinator> {
  const coordinator = await EmbeddedCoordinator.open(disks);
  if (coordinator === undefined) throw new Error('no device holds a map');
  return coordinator;
}

const firstShard = (coordinator: EmbeddedCoordinator): ShardState => {
  const state = coordinator.current().shards[0];
  if (state === undefined) throw new Error('no shard');
  return state;
};

function advance(coordinator: EmbeddedCoordinator, primary = 1): Promise<unknown> {
  const state = firstShard(coordinator);
  const next = { ...state, epoch: epoch(state.epoch + 1), primary: deviceId(primary) };
  return coordinator.updateShard(next.id, next);
}

async function initialise(disk: Disk, deviceUuid = ''): Promise<void> {
  const { clusterId } = contractMap;
  await initialiseDevice(disk, { deviceUuid, clusterId, deviceId: deviceId(1), createdAt: 0 });
}

const kindOfOpening = (disks: readonly Disk[]): Promise<string> =>
  EmbeddedCoordinator.open(disks).then(() => 'open', kindOf);

const kindOf = (error: unknown): string => (isStoreError(error) ? error.kind : String(error));

describe('the embedded coordinator', () => {
  coordinatorContract(async () => {
    const disks = makeDisks();
    const coordinator = await EmbeddedCoordinator.create(contractMap, disks);
    return {
      coordinator,
      reopen: async () => {
        for (const disk of disks) disk.crash(random, { lose: 'all' });
        return reopen(disks);
      },
    };
  });

  it('finds nothing where nothing was ever set up', async () => {
    expect(await EmbeddedCoordinator.open(makeDisks())).toBeUndefined();
  });

  it('loses no change with any minority of its devices', async () => {
    for (const [a, b] of [
      [0, 1],
      [1, 4],
      [2, 3],
    ] as const) {
      const disks = makeDisks();
      const coordinator = await EmbeddedCoordinator.create(contractMap, disks);
      await advance(coordinator, 3);
      await coordinator.close();
      disks[a]?.wipe();
      disks[b]?.fail('all');
      const again = await reopen(disks);
      expect(firstShard(again)).toMatchObject({ epoch: 2, primary: 3 });
      await advance(again);
    }
  });

  it('does not open, nor change anything, without a majority', async () => {
    const disks = makeDisks();
    const coordinator = await EmbeddedCoordinator.create(contractMap, disks);
    for (const place of [0, 1, 2]) disks[place]?.fail('all');
    expect(await advance(coordinator).catch(kindOf)).toBe('unavailable');
    expect(firstShard(coordinator).epoch).toBe(1);
    await coordinator.close();
    expect(await EmbeddedCoordinator.open(disks).catch(kindOf)).toBe('unavailable');
    for (const disk of disks) disk.fail('nothing');
    // Whether the refused change happened is open, but from now on it is settled.
    const again = await reopen(disks);
    const { epoch: found } = firstShard(again);
    expect([1, 2]).toContain(found);
    for (const place of [3, 4]) disks[place]?.wipe();
    expect(firstShard(await reopen(disks)).epoch).toBe(found);
  });

  it('never goes back to a change that only devices took which were away later', async () => {
    const disks = makeDisks();
    const coordinator = await EmbeddedCoordinator.create(contractMap, disks);
    for (const place of [0, 1, 2]) disks[place]?.fail('all');
    // Two devices take several versions that count for nothing.
    for (let i = 0; i < 4; i++) await advance(coordinator, 2).catch(() => undefined);
    await coordinator.close();
    for (const place of [0, 1, 2]) disks[place]?.fail('nothing');
    for (const place of [3, 4]) disks[place]?.fail('all');
    const second = await reopen(disks);
    await advance(second, 3);
    await second.close();
    for (const disk of disks) disk.fail('nothing');
    expect(firstShard(await reopen(disks))).toMatchObject({ epoch: 2, primary: 3 });
  });

  it('waits for a majority, not for a device that hangs', async () => {
    const disks: Disk[] = makeDisks();
    const hanging = disks[2];
    if (hanging === undefined) throw new Error('no disk');
    let hang = false;
    disks[2] = {
      open: (path) => hanging.open(path),
      create: (path) => (hang ? new Promise(() => undefined) : hanging.create(path)),
      readAll: (path) => hanging.readAll(path),
      list: (path) => hanging.list(path),
      makeDirectory: (path) => hanging.makeDirectory(path),
      rename: (from, to) => hanging.rename(from, to),
      remove: (path) => hanging.remove(path),
      syncDirectory: (path) => hanging.syncDirectory(path),
      space: () => hanging.space(),
    };
    const coordinator = await EmbeddedCoordinator.create(contractMap, disks);
    hang = true;
    for (let i = 0; i < 3; i++) await advance(coordinator);
    expect(firstShard(coordinator).epoch).toBe(4);
  });

  it('keeps the map on a device that comes later, and counts none that has left', async () => {
    const disks = makeDisks();
    const coordinator = await EmbeddedCoordinator.create(contractMap, disks);
    for (const [i, disk] of disks.entries()) await initialise(disk, contractMap.devices[i]?.uuid);
    const added = new SimDisk();
    const uuid = 'ad'.repeat(16);
    await coordinator.addDevice((last) => {
      const [like] = contractMap.devices;
      if (like === undefined) throw new Error('no device');
      return { ...like, id: deviceId(last + 1), uuid };
    });
    await initialise(added, uuid);
    await coordinator.keepOn(added);
    // Two of the first five go: without the sixth there would be no majority of six.
    const rest = [...disks.slice(2), added];
    expect((await reopen(rest)).current().devices).toHaveLength(6);
    const again = await reopen(rest);
    await again.removeDevice(deviceId(6), uuid);
    // Of the five that are left three are here; the one that has left is no fourth.
    const fewer = [...disks.slice(3), added];
    expect(await kindOfOpening(fewer)).toBe('unavailable');
    for (const disk of fewer) expect(await readMap(disk)).toBeDefined();
    expect((await reopen(disks.slice(2))).current().devices).toHaveLength(5);
  });

  it('takes devices in one at a time, also when several are asked for at once', async () => {
    const disks = makeDisks();
    const coordinator = await EmbeddedCoordinator.create(contractMap, disks);
    const [like] = contractMap.devices;
    if (like === undefined) throw new Error('no device');
    const counts: number[] = [];
    coordinator.watch(({ devices }) => counts.push(devices.length));
    const add = (): Promise<unknown> =>
      coordinator.addDevice((last) => ({
        ...{ ...like, id: deviceId(last + 1), uuid: String(last).padStart(32, 'a') },
      }));
    await Promise.all([add(), add(), advance(coordinator), add()]);
    expect(counts).toEqual([6, 7, 8]);
    expect(firstShard(coordinator).epoch).toBe(2);
  });

  it('survives a power cut at every moment of a change', async () => {
    for (let seed = 0; seed < 60; seed++) {
      const chance = new SeededRandom(seed);
      const disks = makeDisks();
      const coordinator = await EmbeddedCoordinator.create(contractMap, disks);
      let acknowledged = 1;
      let left = chance.below(120);
      const work = (async () => {
        for (let i = 0; i < 5; i++) {
          await advance(coordinator);
          acknowledged++;
        }
      })().catch(() => undefined);
      for (const disk of disks) {
        disk.hook(() => {
          if (left-- <= 0) throw new Error('the power is gone');
        });
      }
      await work;
      for (const disk of disks) {
        disk.hook(undefined);
        disk.crash(chance, { lose: chance.pick(['all', 'some', 'tear'] as const) });
      }
      const { epoch: found } = firstShard(await reopen(disks));
      expect(found, `seed ${seed}`).toBeGreaterThanOrEqual(acknowledged);
      expect(found).toBeLessThanOrEqual(acknowledged + 1);
    }
  });
});

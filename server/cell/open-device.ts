/** One device folder of this machine: whose it is, and its fragments and log once it serves. */
import type { Clock } from '../../base/clock.ts';
import type { Disk } from '../../base/disk.ts';
import { toStoreError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { DeviceId } from '../../base/units.ts';
import type { KeyValueStore } from '../../storage/device/fragment-index.ts';
import {
  type DeviceFragmentStore,
  openFragmentStore,
} from '../../storage/device/fragment-store.ts';
import { checkVacant, initialiseDevice, openSuperblock } from '../../storage/device/superblock.ts';
import type { FragmentId } from '../../storage/fragment/fragment.ts';
import type { DeviceState } from '../../storage/shard/coordinator.ts';
import { ShardDevice } from '../../storage/shard/device.ts';

/** A device's ordered index, opened by the environment: LevelDB in production, memory in the simulation. */
export type IndexLevel = KeyValueStore;

/** What a cell needs to reach one device folder. */
export interface DeviceFolder {
  /** As the cluster map knows it. */
  readonly path: string;
  readonly disk: Disk;
  openIndex(): Promise<IndexLevel>;
  /** Removes the index of a device that is initialised anew. */
  destroyIndex(): Promise<void>;
  /** Makes the folder itself, durably. */
  makeFolder(): Promise<void>;
}

export interface DeviceSettings {
  readonly volumeBytes: number;
  readonly reserveBytes: number;
  readonly checkpointBytes: number;
  readonly logSegmentBytes: number;
}

/** A device that serves. */
export interface OpenDevice {
  readonly id: DeviceId;
  readonly folder: DeviceFolder;
  readonly index: IndexLevel;
  readonly fragments: DeviceFragmentStore;
  readonly shards: ShardDevice;
}

export interface OpenContext {
  readonly clusterId: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: DeviceSettings;
  readonly onCorrupt: (device: DeviceId, id: FragmentId) => void;
  readonly onFailed: (device: DeviceId, reason: string) => void;
}

export type DeviceOpening =
  | { readonly type: 'open'; readonly device: OpenDevice }
  /** Not served, and why: shown at the start and in the status. */
  | { readonly type: 'away'; readonly reason: string };

/** Initialises an empty folder as the device that the map expects. Throws `conflict` when it holds anything that may be data. */
export async function initialiseFolder(
  folder: DeviceFolder,
  expected: { readonly clusterId: string; readonly device: DeviceState; readonly now: number },
): Promise<void> {
  await folder.makeFolder();
  // Before anything is destroyed: a device that lost its superblock alone still has its index.
  await checkVacant(folder.disk);
  await folder.destroyIndex();
  await initialiseDevice(folder.disk, {
    deviceUuid: expected.device.uuid,
    clusterId: expected.clusterId,
    deviceId: expected.device.id,
    createdAt: expected.now,
  });
}

/** Opens the device if it is the expected one. Never throws for a bad device: one device is no reason to refuse all. */
export async function openDevice(
  folder: DeviceFolder,
  expected: DeviceState,
  context: OpenContext,
): Promise<DeviceOpening> {
  try {
    const identity = { clusterId: context.clusterId, deviceUuid: expected.uuid };
    const found = await openSuperblock(folder.disk, identity);
    switch (found.state) {
      case 'ok':
        return { type: 'open', device: await openContents(folder, expected, context) };
      case 'missing':
        return { type: 'away', reason: 'the folder is missing or empty' };
      case 'foreign':
        return { type: 'away', reason: 'the folder holds another device' };
      case 'too-new':
        return { type: 'away', reason: `its format ${found.version} is newer than this release` };
      default:
        return { type: 'away', reason: `its superblock is corrupt: ${found.reason}` };
    }
  } catch (error) {
    return { type: 'away', reason: toStoreError(error, 'device.open').message };
  }
}

async function openContents(
  folder: DeviceFolder,
  expected: DeviceState,
  context: OpenContext,
): Promise<OpenDevice> {
  const { id, uuid } = expected;
  const { settings, clock, logger } = context;
  const { disk } = folder;
  const index = await folder.openIndex();
  try {
    const fragments = await openFragmentStore({
      disk,
      clock,
      index,
      deviceUuid: uuid,
      volumeBytes: settings.volumeBytes,
      reserveBytes: settings.reserveBytes,
      checkpointBytes: settings.checkpointBytes,
      onCorrupt: (fragment) => context.onCorrupt(id, fragment),
      onFailed: (cause) => context.onFailed(id, cause.message),
    });
    const shards = await ShardDevice.open({
      ...{ id, disk, clock, index, logger },
      settings: { segmentBytes: settings.logSegmentBytes },
    });
    shards.onFailure((error) => context.onFailed(id, error.message));
    return { id, folder, index, fragments, shards };
  } catch (error) {
    await index.close();
    throw error;
  }
}

/** Syncs and closes; a device that failed before is only let go. */
export async function closeDevice(device: OpenDevice): Promise<void> {
  await device.fragments.close();
  await device.shards.close();
  await device.index.close();
}

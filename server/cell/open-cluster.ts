/**
 * Opens the cluster map, or makes it on a machine that holds nothing yet. Order of the first start:
 * folders, map on a majority, superblocks, and last a marker in the data folder. So a start that dies
 * can be repeated, and devices that are all unmounted are not mistaken for a new machine.
 */
import { fromUtf8, utf8 } from '../../base/bytes.ts';
import { createDurably, type Disk } from '../../base/disk.ts';
import { StoreError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import { openSuperblock } from '../../storage/device/superblock.ts';
import type { ClusterMap } from '../../storage/shard/coordinator.ts';
import { compareCopies, EmbeddedCoordinator } from '../coordinator/embedded.ts';
import { readMap } from '../coordinator/map-file.ts';
import { createClusterMap } from './bootstrap.ts';
import { type DeviceFolder, initialiseFolder } from './open-device.ts';
import { applyPolicies, initialPolicies, type PolicyChoice } from './policies.ts';

const markerPath = 'cluster-id';

export interface OpenClusterOptions {
  /** The data folder: holds the marker. */
  readonly data: Disk;
  readonly folders: readonly DeviceFolder[];
  readonly policies: PolicyChoice;
  readonly random: Random;
  readonly now: number;
  /** Of a new store, before anything else: makes its keys and returns the id of its key ring. */
  readonly makeKeys?: (() => Promise<string>) | undefined;
}

/**
 * These, and the folders of devices that the map has got since (torc ring add): the configuration need not
 * name them. A device whose folder was moved is where it is configured, not where the map had it.
 */
export async function withLaterFolders<Folder extends DeviceFolder>(
  folders: readonly Folder[],
  folderAt: (path: string) => Folder,
): Promise<readonly Folder[]> {
  const copies = await Promise.all(folders.map(({ disk }) => readMap(disk)));
  const [newest] = copies
    .filter((copy) => copy !== undefined)
    .toSorted((a, b) => compareCopies(b, a));
  if (newest === undefined) return folders;
  const blocks = await Promise.all(folders.map(({ disk }) => openSuperblock(disk)));
  const known = new Set(
    blocks.flatMap((block) => (block.state === 'ok' ? [block.superblock.deviceUuid] : [])),
  );
  const paths = new Set(folders.map(({ path }) => path));
  const later = newest.map.devices.filter(({ uuid, path }) => !known.has(uuid) && !paths.has(path));
  return [...folders, ...later.map(({ path }) => folderAt(path))];
}

async function isUntouched(folder: DeviceFolder): Promise<boolean> {
  return (await openSuperblock(folder.disk)).state === 'missing';
}

/** Throws `invalid-argument`, `unavailable`, `conflict`, `not-implemented` with a sentence for the operator. */
export async function openCluster(options: OpenClusterOptions): Promise<EmbeddedCoordinator> {
  const { data, folders, policies } = options;
  const untouched = await Promise.all(folders.map(isUntouched));
  const marker = await data.readAll(markerPath);
  if (marker === undefined && untouched.every(Boolean)) return createCluster(options);
  const known = await EmbeddedCoordinator.open(folders.map((folder) => folder.disk));
  if (known === undefined) {
    const id = marker === undefined ? '' : ` of cluster ${fromUtf8(marker)}`;
    throw new StoreError(
      'unavailable',
      'cluster.open',
      `no device${id} is there: is a disk not mounted?`,
    );
  }
  const map = known.current();
  // Version 1 is the map that a first start made and nothing has changed since: it may have died half-way.
  if (map.version === 1) await initialiseMissing(options, map);
  if (marker === undefined) await createDurably(data, markerPath, utf8(map.clusterId));
  try {
    await applyPolicies(known, policies);
  } catch (error) {
    await known.close();
    throw error;
  }
  return known;
}

async function createCluster(options: OpenClusterOptions): Promise<EmbeddedCoordinator> {
  const { data, folders, policies, random } = options;
  const devicePaths = folders.map((folder) => folder.path);
  const keyRing = await options.makeKeys?.();
  const map = createClusterMap({
    ...(keyRing === undefined ? {} : { keyRing }),
    random,
    devicePaths,
    policies: initialPolicies(policies, folders.length),
  });
  for (const folder of folders) await folder.makeFolder();
  const disks = folders.map((folder) => folder.disk);
  const coordinator = await EmbeddedCoordinator.create(map, disks);
  await initialiseMissing(options, map);
  await createDurably(data, markerPath, utf8(map.clusterId));
  return coordinator;
}

async function initialiseMissing(options: OpenClusterOptions, map: ClusterMap): Promise<void> {
  const { clusterId } = map;
  for (const device of map.devices) {
    const folder = options.folders.find((one) => one.path === device.path);
    if (folder === undefined || !(await isUntouched(folder))) continue;
    await initialiseFolder(folder, { clusterId, device, now: options.now });
  }
}

/** The cluster map on one device: docs/format/cluster-map.md. */
import { fromUtf8, utf8 } from '../../base/bytes.ts';
import { createDurably, type Disk } from '../../base/disk.ts';
import { isStoreError, StoreError } from '../../base/errors.ts';
import { crc32cOf } from '../../storage/fragment/digest.ts';
import type { ClusterMap } from '../../storage/shard/coordinator.ts';

const path = 'cluster-map';
const magic = utf8('TORCMAP1');
const formatVersion = 1;
const headerBytes = 32;

/** What a device holds. */
export interface MapCopy {
  readonly map: ClusterMap;
  /** Grows by one at every open of the coordinator. */
  readonly generation: number;
}

/** Header: magic (8), format (u32), length of the JSON (u32), its CRC32C (u32), zero (u32), generation (u32), CRC32C of the 28 bytes before (u32); little-endian. */
export function encodeMap({ map, generation }: MapCopy): Uint8Array {
  const json = utf8(JSON.stringify(map));
  const bytes = Buffer.alloc(headerBytes + json.length);
  bytes.set(magic, 0);
  bytes.writeUInt32LE(formatVersion, 8);
  bytes.writeUInt32LE(json.length, 12);
  bytes.writeUInt32LE(crc32cOf(json), 16);
  bytes.writeUInt32LE(generation, 24);
  bytes.writeUInt32LE(crc32cOf(bytes.subarray(0, 28)), 28);
  bytes.set(json, headerBytes);
  return bytes;
}

/** Throws StoreError: `corrupt` for bad bytes, `not-implemented` for a format newer than this release. */
export function decodeMap(bytes: Uint8Array): MapCopy {
  const page = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const bad = (reason: string): StoreError =>
    new StoreError('corrupt', 'map.decode', `a copy of the cluster map is bad: ${reason}`);
  if (page.length < headerBytes) throw bad('too short');
  if (!magic.every((byte, i) => page[i] === byte)) throw bad('magic');
  if (page.readUInt32LE(28) !== crc32cOf(page.subarray(0, 28))) throw bad('header CRC');
  const version = page.readUInt32LE(8);
  if (version > formatVersion) {
    throw new StoreError(
      'not-implemented',
      'map.decode',
      `the cluster map has format ${version}; this release reads up to ${formatVersion}`,
    );
  }
  const json = page.subarray(headerBytes, headerBytes + page.readUInt32LE(12));
  if (page.readUInt32LE(16) !== crc32cOf(json)) throw bad('CRC');
  try {
    const map = JSON.parse(fromUtf8(json)) as ClusterMap;
    return { map, generation: page.readUInt32LE(24) };
  } catch (error) {
    throw new StoreError('corrupt', 'map.decode', 'a copy of the cluster map is not JSON', {
      cause: error,
    });
  }
}

/** Undefined when there is none, or only bad bytes: the majority decides without this device. */
export async function readMap(disk: Disk): Promise<MapCopy | undefined> {
  try {
    const bytes = await disk.readAll(path);
    return bytes === undefined ? undefined : decodeMap(bytes);
  } catch (error) {
    if (isStoreError(error, 'not-implemented') || !isStoreError(error)) throw error;
    return undefined;
  }
}

export async function writeMap(disk: Disk, bytes: Uint8Array): Promise<void> {
  await createDurably(disk, path, bytes);
}

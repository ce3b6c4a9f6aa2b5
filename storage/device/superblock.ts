/** Whose device a folder is: docs/format/superblock.md. */
import { utf8 } from '../../base/bytes.ts';
import { createDurably, type Disk } from '../../base/disk.ts';
import { isStoreError, StoreError } from '../../base/errors.ts';
import { type DeviceId, deviceId } from '../../base/units.ts';
import { crc32cOf } from '../fragment/digest.ts';
import { volumeFolder } from './volume-format.ts';

export interface Superblock {
  /** 32 hex digits, random: this device and no other. */
  readonly deviceUuid: string;
  /** 32 hex digits. */
  readonly clusterId: string;
  readonly deviceId: DeviceId;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

export type SuperblockState =
  | { readonly state: 'ok'; readonly superblock: Superblock }
  /** The folder or the superblock is absent or empty: a new disk, or one that is not mounted. */
  | { readonly state: 'missing' }
  /** Of another cluster, or another device than expected. */
  | { readonly state: 'foreign'; readonly superblock: Superblock }
  | { readonly state: 'too-new'; readonly version: number }
  | { readonly state: 'corrupt'; readonly reason: string };

const path = 'superblock';
const magic = utf8('TORCDEV1');
const formatVersion = 1;
const recordLength = 68;
const fileBytes = 4096;
const hex32 = /^[0-9a-f]{32}$/;

/** The bytes of a superblock file. Throws `invalid-argument` for ids that are not 32 hex digits. */
export function encodeSuperblock(superblock: Superblock): Uint8Array {
  if (!hex32.test(superblock.deviceUuid) || !hex32.test(superblock.clusterId)) {
    throw new StoreError('invalid-argument', 'superblock.encode', 'an id is not 32 hex digits');
  }
  const page = Buffer.alloc(fileBytes);
  page.set(magic, 0);
  page.writeUInt32LE(formatVersion, 8);
  page.writeUInt32LE(recordLength, 12);
  page.write(superblock.deviceUuid, 16, 'hex');
  page.write(superblock.clusterId, 32, 'hex');
  page.writeUInt32LE(superblock.deviceId, 48);
  page.writeBigUInt64LE(BigInt(superblock.createdAt), 56);
  page.writeUInt32LE(crc32cOf(page.subarray(0, recordLength - 4)), recordLength - 4);
  return page;
}

/** What the bytes of a superblock file say; never throws. */
export function decodeSuperblock(bytes: Uint8Array): SuperblockState {
  if (bytes.length === 0) return { state: 'missing' };
  const page = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (page.length < recordLength) return { state: 'corrupt', reason: 'the file is too short' };
  if (!magic.every((byte, i) => page[i] === byte)) return { state: 'corrupt', reason: 'magic' };
  const length = page.readUInt32LE(12);
  if (length < 20 || length > Math.min(page.length, fileBytes)) {
    return { state: 'corrupt', reason: 'record length' };
  }
  if (page.readUInt32LE(length - 4) !== crc32cOf(page.subarray(0, length - 4))) {
    return { state: 'corrupt', reason: 'CRC' };
  }
  const version = page.readUInt32LE(8);
  if (version > formatVersion) return { state: 'too-new', version };
  if (version !== formatVersion || length !== recordLength) {
    return { state: 'corrupt', reason: 'format version' };
  }
  const superblock: Superblock = {
    deviceUuid: page.toString('hex', 16, 32),
    clusterId: page.toString('hex', 32, 48),
    deviceId: deviceId(page.readUInt32LE(48)),
    createdAt: Number(page.readBigUInt64LE(56)),
  };
  return { state: 'ok', superblock };
}

/**
 * Reads a device's superblock and compares it with what the cluster map expects. Throws only for
 * errors that say nothing about the medium (`internal`: no permission, not a folder).
 */
export async function openSuperblock(
  disk: Disk,
  expected: { readonly clusterId?: string; readonly deviceUuid?: string } = {},
): Promise<SuperblockState> {
  let bytes: Uint8Array | undefined;
  try {
    bytes = await disk.readAll(path);
  } catch (error) {
    if (!isStoreError(error, 'corrupt')) throw error;
    return { state: 'corrupt', reason: error.message };
  }
  if (bytes === undefined) return { state: 'missing' };
  const found = decodeSuperblock(bytes);
  if (found.state !== 'ok') return found;
  const { clusterId, deviceUuid } = found.superblock;
  const foreign =
    (expected.clusterId !== undefined && expected.clusterId !== clusterId) ||
    (expected.deviceUuid !== undefined && expected.deviceUuid !== deviceUuid);
  return foreign ? { state: 'foreign', superblock: found.superblock } : found;
}

/**
 * Makes an empty folder a device; durable when it resolves. The superblock comes last, so that a
 * crash in between leaves a `missing` device that can be initialised again. The folder's own name
 * lies in its parent, which the caller must sync. Throws `conflict` when there is a superblock, or
 * there are volumes: nothing that may hold data is ever taken over.
 */
export async function initialiseDevice(disk: Disk, superblock: Superblock): Promise<void> {
  await checkVacant(disk);
  await disk.makeDirectory(volumeFolder);
  await disk.syncDirectory('');
  await createDurably(disk, path, encodeSuperblock(superblock));
}

/** Throws `conflict` when there is a superblock, or there are volumes. */
export async function checkVacant(disk: Disk): Promise<void> {
  const found = await openSuperblock(disk);
  if (found.state !== 'missing' || (await disk.list(volumeFolder)).length > 0) {
    throw new StoreError('conflict', 'device.initialise', 'the folder holds a device already', {
      detail: { state: found.state },
    });
  }
}

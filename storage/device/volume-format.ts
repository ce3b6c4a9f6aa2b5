/** Names and headers of volumes: docs/format/volume.md. */
import { utf8 } from '../../base/bytes.ts';
import { crc32cOf } from '../fragment/digest.ts';
import { pageBytes } from '../fragment/record.ts';

export const volumeFolder = 'volumes';
/** Ids are written with eight hex digits. */
export const maxVolumeId = 0xffff_ffff;

const magic = utf8('TORCVOL1');
const formatVersion = 1;
const coveredBytes = 48;

export interface VolumeHeader {
  /** 32 hex digits. */
  readonly deviceUuid: string;
  readonly volume: number;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

export function volumePath(volume: number): string {
  return `${volumeFolder}/${volume.toString(16).padStart(8, '0')}.vol`;
}

/** The id in a file name of the volume folder; undefined for any other file. */
export function volumeOfName(name: string): number | undefined {
  const match = /^([0-9a-f]{8})\.vol$/.exec(name);
  return match?.[1] === undefined ? undefined : Number.parseInt(match[1], 16);
}

export function encodeVolumeHeader(header: VolumeHeader): Uint8Array {
  const page = Buffer.alloc(pageBytes);
  page.set(magic, 0);
  page.writeUInt32LE(formatVersion, 8);
  page.writeUInt32LE(pageBytes, 12);
  page.write(header.deviceUuid, 16, 'hex');
  page.writeUInt32LE(header.volume, 32);
  page.writeBigUInt64LE(BigInt(header.createdAt), 40);
  page.writeUInt32LE(crc32cOf(page.subarray(0, coveredBytes)), coveredBytes);
  return page;
}

/** Undefined when the page is no valid header of a version that we know. */
export function decodeVolumeHeader(bytes: Uint8Array): VolumeHeader | undefined {
  if (bytes.length < pageBytes) return undefined;
  const page = Buffer.from(bytes.buffer, bytes.byteOffset, pageBytes);
  if (!magic.every((byte, i) => page[i] === byte)) return undefined;
  if (page.readUInt32LE(coveredBytes) !== crc32cOf(page.subarray(0, coveredBytes))) {
    return undefined;
  }
  if (page.readUInt32LE(8) !== formatVersion) return undefined;
  return {
    deviceUuid: page.toString('hex', 16, 32),
    volume: page.readUInt32LE(32),
    createdAt: Number(page.readBigUInt64LE(40)),
  };
}

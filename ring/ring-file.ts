/**
 * Bytes of a ring: docs/format/ring-file.md. Equal rings have equal bytes, and bytes that decode
 * encode to themselves.
 */
import { hash } from 'node:crypto';
import { compareBytes, concatBytes, fromUtf8, utf8 } from '../base/bytes.ts';
import { StoreError } from '../base/errors.ts';
import { invariant } from '../base/invariant.ts';
import { deviceId } from '../base/units.ts';
import { maxPartitionPower, maxWidth } from './builder.ts';
import type { Ring, RingDevice } from './ring.ts';
import { buildTopology, maxDevices } from './topology.ts';

const magic: Uint8Array = utf8('torcring');
const formatVersion = 1;
const headerLength = 32;
const digestLength = 32;

/** The caller owns the bytes. */
export function encodeRing(ring: Ring): Uint8Array {
  invariant(isVersion(ring.version), 'a ring version is a whole number of 32 bits, from 1');
  invariant(ring.devices.length <= maxDevices, 'places of devices fit in 16 bits');
  const devices = concatBytes(ring.devices.map(encodeDevice));
  const assignmentLength = 2 * ring.width * 2 ** ring.partitionPower;
  const length = headerLength + devices.length + assignmentLength + digestLength;
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  bytes.set(magic);
  view.setUint32(8, formatVersion, true);
  view.setUint32(12, length, true);
  view.setUint32(16, ring.version, true);
  view.setUint8(20, ring.partitionPower);
  view.setUint8(21, ring.width);
  view.setUint16(22, ring.devices.length, true);
  view.setUint32(24, devices.length, true);
  bytes.set(devices, headerLength);
  let offset = headerLength + devices.length;
  for (const row of ring.assignment) {
    for (const place of row) {
      view.setUint16(offset, place, true);
      offset += 2;
    }
  }
  invariant(offset === length - digestLength, 'the assignment fills its room');
  bytes.set(digestOf(bytes), offset);
  return bytes;
}

function encodeDevice({ id, weight, region, zone, node }: RingDevice): Uint8Array {
  const fixed = new DataView(new ArrayBuffer(12));
  fixed.setUint32(0, id, true);
  // Drained is written one way only: -0 would be a second.
  fixed.setFloat64(4, weight === 0 ? 0 : weight, true);
  const names = [region, zone, node].flatMap((name) => {
    const text = utf8(name);
    return [Uint8Array.of(text.length & 0xff, text.length >> 8), text];
  });
  return concatBytes([new Uint8Array(fixed.buffer), ...names]);
}

/**
 * Borrows `bytes` until it returns. Throws StoreError `corrupt` for bytes that are not a ring file,
 * or not whole, and `not-implemented` for a format version that this program does not know.
 */
export function decodeRing(bytes: Uint8Array): Ring {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  check(bytes.length >= headerLength + digestLength, 'is too short');
  check(compareBytes(bytes.subarray(0, magic.length), magic) === 0, 'has another magic');
  const format = view.getUint32(8, true);
  if (format !== formatVersion) {
    const sentence = `the ring file has format version ${format}; known is ${formatVersion}`;
    throw new StoreError('not-implemented', 'ring.decode', sentence);
  }
  check(view.getUint32(12, true) === bytes.length, 'is not as long as it says');
  const digest = bytes.subarray(bytes.length - digestLength);
  check(compareBytes(digestOf(bytes), digest) === 0, 'does not have its digest');
  return decodeBody(bytes, view);
}

/** Everything below the header's first fields; the digest is right, but who wrote it may not be. */
function decodeBody(bytes: Uint8Array, view: DataView): Ring {
  const version = view.getUint32(16, true);
  const partitionPower = view.getUint8(20);
  const width = view.getUint8(21);
  const deviceCount = view.getUint16(22, true);
  const tableLength = view.getUint32(24, true);
  check(isVersion(version), 'has ring version 0');
  check(partitionPower >= 1 && partitionPower <= maxPartitionPower, 'has a wrong partition power');
  check(width >= 1 && width <= maxWidth, 'has a wrong width');
  check(deviceCount >= width, 'has fewer devices than its width');
  check(view.getUint32(28, true) === 0, 'uses bytes that are reserved');
  const assignmentLength = 2 * width * 2 ** partitionPower;
  const expected = headerLength + tableLength + assignmentLength + digestLength;
  check(bytes.length === expected, 'has lengths that do not add up');
  const tableEnd = headerLength + tableLength;
  const devices = decodeDevices(bytes.subarray(headerLength, tableEnd), deviceCount);
  const assignment = Array.from({ length: width }, () => new Uint16Array(2 ** partitionPower));
  let offset = tableEnd;
  for (const row of assignment) {
    for (let p = 0; p < row.length; p++, offset += 2) row[p] = view.getUint16(offset, true);
  }
  checkAssignment(assignment, deviceCount);
  return { version, partitionPower, width, devices, assignment };
}

function decodeDevices(table: Uint8Array, count: number): readonly RingDevice[] {
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  const devices: RingDevice[] = [];
  let offset = 0;
  const readName = () => {
    check(offset + 2 <= table.length, 'has a device table that is cut off');
    const end = offset + 2 + view.getUint16(offset, true);
    check(end <= table.length, 'has a device table that is cut off');
    const name = table.subarray(offset + 2, end);
    offset = end;
    return decodeName(name);
  };
  for (let place = 0; place < count; place++) {
    check(offset + 12 <= table.length, 'has a device table that is cut off');
    const id = deviceId(view.getUint32(offset, true));
    const weight = view.getFloat64(offset + 4, true);
    offset += 12;
    check(id > (devices.at(-1)?.id ?? -1), 'has devices out of order');
    check(!Object.is(weight, -0), 'has a weight of -0');
    devices.push({ id, region: readName(), zone: readName(), node: readName(), weight });
  }
  check(offset === table.length, 'has more than its devices in the table');
  try {
    buildTopology(devices);
  } catch (error) {
    throw corrupt('lists a device that no ring can hold', error);
  }
  return devices;
}

function decodeName(bytes: Uint8Array): string {
  try {
    return fromUtf8(bytes);
  } catch (error) {
    throw corrupt('has a name that is not UTF-8', error);
  }
}

function checkAssignment(assignment: readonly Uint16Array[], deviceCount: number): void {
  // By place: the last partition seen there, so that the check is one pass without clearing.
  const seen = new Int32Array(deviceCount).fill(-1);
  for (let p = 0; p < (assignment[0]?.length ?? 0); p++) {
    for (const row of assignment) {
      const place = row[p] ?? deviceCount;
      check(place < deviceCount, 'names a device that it does not list');
      check(seen[place] !== p, 'puts two fragments of a partition on one device');
      seen[place] = p;
    }
  }
}

/** Of all bytes before the digest's own. */
function digestOf(bytes: Uint8Array): Uint8Array {
  return hash('sha256', bytes.subarray(0, bytes.length - digestLength), 'buffer');
}

function isVersion(version: number): boolean {
  return Number.isInteger(version) && version >= 1 && version <= 0xffff_ffff;
}

function check(condition: boolean, flaw: string): asserts condition {
  if (!condition) throw corrupt(flaw);
}

function corrupt(flaw: string, cause?: unknown): StoreError {
  return new StoreError('corrupt', 'ring.decode', `the ring file ${flaw}`, { cause });
}

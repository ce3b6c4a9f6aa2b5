import { StoreError } from '../base/errors.ts';
import type { RingDevice } from './ring.ts';

/** Levels below the whole: region, zone, node, device. */
export const levels = 4;

/** Places are stored in 16 bits, of which 0xffff says "no device yet" while a ring is built. */
export const maxDevices = 0xffff;

/** Wide enough for a capacity in bytes or in tebibytes, narrow enough for exact sums of doubles. */
export const minWeight = 1e-6;
export const maxWeight = 1e18;

/** A failure domain: the whole (number 0), a region, a zone, a node or a device. */
export interface Tier {
  /** Numbers of the tiers right below; none below a device. */
  readonly children: readonly number[];
  /** Devices inside that have weight: the most fragments of one partition it can ever hold. */
  readonly room: number;
}

/**
 * The tree of failure domains over a list of devices. A parent's number is below its children's.
 */
export interface Topology {
  /** Ascending by id, so that the order in which an operator lists devices changes nothing. */
  readonly devices: readonly RingDevice[];
  readonly tiers: readonly Tier[];
  /**
   * At place × levels + level: the tier of that level (0 region to 3 device) that the device is in.
   */
  readonly paths: Int32Array;
  /** By tier: the one right above it; the whole is its own. */
  readonly parents: readonly number[];
  /** By tier: the place of the device that it is; -1 for a tier that is not a device. */
  readonly placeOf: readonly number[];
}

/**
 * A node's name counts within its zone only, and a zone's within its region: `z1` of two regions
 * is two zones. Throws StoreError `invalid-argument` on a device that cannot be in a ring.
 */
export function buildTopology(unordered: readonly RingDevice[]): Topology {
  checkDevices(unordered);
  const devices = [...unordered].sort((a, b) => a.id - b.id);
  const tiers: { children: number[]; room: number }[] = [{ children: [], room: 0 }];
  const numbers = new Map<string, number>();
  const paths = new Int32Array(devices.length * levels);
  const parents = [0];
  const placeOf = [-1];
  for (const [place, device] of devices.entries()) {
    const names = [device.region, device.zone, device.node, String(device.id)];
    const room = device.weight > 0 ? 1 : 0;
    let parent = 0;
    addRoom(tiers[0], room);
    for (let level = 0; level < levels; level++) {
      const name = JSON.stringify(names.slice(0, level + 1));
      let number = numbers.get(name);
      if (number === undefined) {
        number = tiers.length;
        numbers.set(name, number);
        tiers.push({ children: [], room: 0 });
        tiers[parent]?.children.push(number);
        parents.push(parent);
        placeOf.push(level === levels - 1 ? place : -1);
      }
      addRoom(tiers[number], room);
      paths[place * levels + level] = number;
      parent = number;
    }
  }
  return { devices, tiers, paths, parents, placeOf };
}

function addRoom(tier: { room: number } | undefined, room: number): void {
  if (tier !== undefined) tier.room += room;
}

function checkDevices(devices: readonly RingDevice[]): void {
  if (devices.length > maxDevices) throw refusal(`a ring holds at most ${maxDevices} devices`);
  const ids = new Set<number>();
  for (const { id, weight, region, zone, node } of devices) {
    if (!Number.isInteger(id) || id < 0 || id > 0xffff_ffff) {
      throw refusal(`device id ${id} is not a whole number of 32 bits`);
    }
    if (ids.has(id)) throw refusal(`device ${id} is listed twice`);
    ids.add(id);
    if (weight !== 0 && !(weight >= minWeight && weight <= maxWeight)) {
      throw refusal(
        `device ${id} has weight ${weight}; it must be 0, or from ${minWeight} to ${maxWeight}`,
      );
    }
    for (const name of [region, zone, node]) {
      const length = Buffer.byteLength(name);
      if (length < 1 || length > 255 || !name.isWellFormed()) {
        throw refusal(`device ${id} has a region, zone or node name that is not 1 to 255 bytes`);
      }
    }
  }
}

function refusal(sentence: string): StoreError {
  return new StoreError('invalid-argument', 'ring.topology', sentence);
}

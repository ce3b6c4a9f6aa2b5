/** What `torc ring show` and `torc ring locate` print, from a ring that the caller loaded. */
import { StoreError } from '../../base/errors.ts';
import type { DeviceId } from '../../base/units.ts';
import { partitionOf } from '../../ring/hash.ts';
import { handoffs, homes } from '../../ring/homes.ts';
import type { Ring, RingDevice } from '../../ring/ring.ts';

/** What an operator calls a device (its folder or host); devices without one go by number alone. */
export type DeviceNames = ReadonlyMap<DeviceId, string>;

/** One line a device with its share of the fragments, under a line about the whole. */
export function renderRing(ring: Ring, names: DeviceNames = new Map()): readonly string[] {
  const loads = countFragments(ring);
  const total = loads.reduce((sum, load) => sum + load, 0);
  const weights = ring.devices.reduce((sum, device) => sum + device.weight, 0);
  const percent = (part: number, whole: number) => `${((100 * part) / whole).toFixed(2)} %`;
  const header = ['device', 'region', 'zone', 'node', 'weight', 'fragments', 'share', 'by weight'];
  const rows = ring.devices.map((device, place) => [
    ...describeDevice(device, names),
    String(device.weight),
    String(loads[place] ?? 0),
    percent(loads[place] ?? 0, total),
    percent(device.weight, weights),
  ]);
  const counts = [
    `version ${ring.version}`,
    `${2 ** ring.partitionPower} partitions (power ${ring.partitionPower})`,
    `width ${ring.width}`,
    `${ring.devices.length} devices`,
  ];
  return [counts.join(', '), ...alignColumns([header, ...rows])];
}

/** What `torc ring locate` is asked for. */
export interface Sought {
  readonly account: string;
  readonly container: string;
  readonly key: string;
  /** Of one version's stored body; without it no partition can be told. */
  readonly objectId?: string | undefined;
}

const shownHandoffs = 3;

/**
 * Where the fragments of one stored body are, or would be. Throws StoreError `invalid-argument` on
 * an object id that is none.
 */
export function renderLocation(
  ring: Ring,
  { account, container, key, objectId }: Sought,
  names: DeviceNames = new Map(),
): readonly string[] {
  const title = `${quote(account)} ${quote(container)} ${quote(key)}`;
  if (objectId === undefined) {
    return [
      title,
      'Each version of an object has a partition of its own, chosen by the id of its stored body.',
      'Give that id with --object-id.',
    ];
  }
  const id = objectId.toLowerCase();
  if (!/^[0-9a-f]{32}$/.test(id)) {
    const sentence = `${quote(objectId)} is not an object id: it has 32 hexadecimal digits`;
    throw new StoreError('invalid-argument', 'ring.locate', sentence);
  }
  const partition = partitionOf(ring, { account, container, key, objectId: id });
  const devices = new Map(ring.devices.map((device) => [device.id, device]));
  const row = (role: string, found: DeviceId): readonly string[] => {
    const device = devices.get(found);
    return device === undefined ? [role] : [role, ...describeDevice(device, names)];
  };
  const header = ['', 'device', 'region', 'zone', 'node'];
  const home = homes(ring, partition).map((found, index) => row(`fragment ${index}`, found));
  const handoff: (readonly string[])[] = [];
  for (const found of handoffs(ring, partition)) {
    if (handoff.length === shownHandoffs) break;
    handoff.push(row(`handoff ${handoff.length + 1}`, found));
  }
  return [
    `${title}, object id ${id}`,
    `ring version ${ring.version}, partition ${partition} of ${2 ** ring.partitionPower}`,
    ...alignColumns([header, ...home, ...handoff]),
  ];
}

function describeDevice(device: RingDevice, names: DeviceNames): readonly string[] {
  const name = names.get(device.id);
  const label = name === undefined ? String(device.id) : `${device.id} (${escapeText(name)})`;
  return [label, ...[device.region, device.zone, device.node].map(escapeText)];
}

/** Keys may hold any character, and a terminal obeys some of them. */
function quote(text: string): string {
  return `"${escapeText(text)}"`;
}

function escapeText(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}"\\]/gu, (character) => {
    if (character === '"' || character === '\\') return `\\${character}`;
    return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
  });
}

function countFragments(ring: Ring): readonly number[] {
  const loads = ring.devices.map(() => 0);
  for (const row of ring.assignment) {
    for (const place of row) loads[place] = (loads[place] ?? 0) + 1;
  }
  return loads;
}

function alignColumns(rows: readonly (readonly string[])[]): readonly string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  }
  return rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { deviceId, partition } from '../../../base/units.ts';
import { buildRing, rebalance } from '../../../ring/builder.ts';
import { partitionOf, placementHash } from '../../../ring/hash.ts';
import { handoffs } from '../../../ring/homes.ts';
import type { Ring } from '../../../ring/ring.ts';
import { decodeRing, encodeRing } from '../../../ring/ring-file.ts';

/** Two regions, unequal weights, a name that is not ASCII, a drained device, a gap in the ids. */
const plan = [
  { id: 1, region: 'north', zone: 'z1', node: 'n1', weight: 1 },
  { id: 2, region: 'north', zone: 'z1', node: 'n2', weight: 2.5 },
  { id: 3, region: 'north', zone: 'z2', node: 'n1', weight: 1 },
  { id: 4, region: 'süd', zone: 'z1', node: 'n1', weight: 0 },
  { id: 5, region: 'süd', zone: 'z1', node: 'n1', weight: 1 },
  { id: 7, region: 'süd', zone: 'z2', node: 'n1', weight: 1e12 },
  { id: 70_000, region: 'süd', zone: 'z2', node: 'n2', weight: 3 },
];

function goldenRing(): Ring {
  const devices = plan.map((device) => ({ ...device, id: deviceId(device.id) }));
  return rebalance(buildRing({ devices, width: 3, partitionPower: 4 }), devices.slice(1)).ring;
}

/** Bytes as hexadecimal lines: a change shows in a review. */
function readGolden(name: string): Uint8Array {
  const text = readFileSync(new URL(name, import.meta.url), 'utf8');
  return Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'));
}

test('format 1: these bytes are this ring, for ever', () => {
  // A literal, so that a change of the builder and of the format cannot hide each other.
  const literal: Ring = {
    version: 7,
    partitionPower: 1,
    width: 2,
    devices: [
      { id: deviceId(3), region: 'r', zone: 'z', node: 'n', weight: 1 },
      { id: deviceId(258), region: 'süd', zone: 'z', node: 'm', weight: 0.5 },
    ],
    assignment: [Uint16Array.of(0, 1), Uint16Array.of(1, 0)],
  };
  const bytes = readGolden('format-1.hex');
  expect(encodeRing(literal)).toEqual(bytes);
  expect(decodeRing(bytes)).toEqual(literal);
});

test('the builder gives this ring on every machine', () => {
  const bytes = readGolden('built.hex');
  expect(encodeRing(goldenRing())).toEqual(bytes);
  expect(decodeRing(bytes)).toEqual(goldenRing());
});

test('placement hashes never change: stored bodies are found by them', () => {
  const objectId = '000102030405060708090a0b0c0d0e0f';
  const keys = ['', 'k', 'a/b', 'ключ', '\u{1f600}', 'x'.repeat(1024)];
  const found = keys.map((key) => {
    return placementHash({ account: 'account', container: 'container', key, objectId });
  });
  expect(found).toEqual(goldenHashes);
  const power = { partitionPower: 11 };
  expect(partitionOf(power, { account: '', container: '', key: '', objectId })).toBe(
    goldenPartition,
  );
});

test('handoffs never change: every cell must try the same', () => {
  const found = [0, 5, 15].map((p) => [...handoffs(goldenRing(), partition(p))]);
  expect(found).toEqual(goldenHandoffs);
});

const goldenHashes: readonly number[] = [
  994245781, 709240173, 2334981024, 4064430821, 1603528201, 1305550491,
];
const goldenPartition: number = 1661;
const goldenHandoffs: readonly (readonly number[])[] = [
  [3, 7],
  [3, 7],
  [3, 70_000],
];

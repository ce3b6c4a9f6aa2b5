import { expect, test } from 'vitest';
import { isStoreError } from '../../../base/errors.ts';
import { deviceId } from '../../../base/units.ts';
import { renderLocation, renderRing } from '../../../bin/verbs/ring.ts';
import { buildRing } from '../../../ring/builder.ts';
import { partitionOf } from '../../../ring/hash.ts';
import { homes } from '../../../ring/homes.ts';
import { regularDevices } from './topologies.ts';

const ring = buildRing({ devices: regularDevices([1, 1, 3, 2]), width: 4, partitionPower: 8 });
const objectId = '000102030405060708090a0b0c0d0e0f';
const sought = { account: 'a', container: 'c', key: 'k', objectId };

test('show prints the whole and a line a device', () => {
  const lines = renderRing(ring, new Map([[deviceId(2), 'd3']]));
  expect(lines[0]).toBe('version 1, 256 partitions (power 8), width 4, 6 devices');
  expect(lines[1]).toBe('device  region   zone   node   weight  fragments  share    by weight');
  expect(lines[4]).toMatch(
    /^2 \(d3\)  region0  zone0  node1  1 {7}17[01] {8}16\.\d\d %  16\.67 %$/,
  );
  expect(lines).toHaveLength(8);
});

test('locate prints the homes in order, then handoffs', () => {
  const lines = renderLocation(ring, sought);
  const partition = partitionOf(ring, sought);
  expect(lines[0]).toBe(`"a" "c" "k", object id ${objectId}`);
  expect(lines[1]).toBe(`ring version 1, partition ${partition} of 256`);
  const shown = lines.slice(3, 7).map((line) => line.split(/\s+/).slice(0, 3).join(' '));
  expect(shown).toEqual(homes(ring, partition).map((id, i) => `fragment ${i} ${id}`));
  expect(lines.slice(7).map((line) => line.slice(0, 9))).toEqual(['handoff 1', 'handoff 2']);
});

test('locate does not guess without an object id, and refuses what is none', () => {
  expect(renderLocation(ring, { ...sought, objectId: undefined }).join('\n')).toMatch(
    /--object-id/,
  );
  expect(() => renderLocation(ring, { ...sought, objectId: 'x' })).toThrow(
    expect.toSatisfy((error) => isStoreError(error, 'invalid-argument')),
  );
});

test('keys cannot command the terminal', () => {
  const [title] = renderLocation(ring, { ...sought, key: '\u001b[31m"\n\u202e' });
  expect(title).toContain('"\\u{1b}[31m\\"\\u{a}\\u{202e}"');
});

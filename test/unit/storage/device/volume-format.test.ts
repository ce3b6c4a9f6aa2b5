import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import {
  decodeVolumeHeader,
  encodeVolumeHeader,
  volumeOfName,
  volumePath,
} from '../../../../storage/device/volume-format.ts';
import { deviceUuid } from './device-fixture.ts';

it('has the bytes of docs/format/volume.md', () => {
  const header = { deviceUuid, volume: 42, createdAt: 1_764_000_000_123 };
  const golden = readFileSync(new URL('../../../golden/fragment/volume-v1.bin', import.meta.url));
  expect(Buffer.from(encodeVolumeHeader(header)).toString('hex')).toBe(golden.toString('hex'));
  expect(decodeVolumeHeader(golden)).toEqual(header);
  for (let byte = 0; byte < 52; byte++) {
    golden[byte] = (golden[byte] ?? 0) ^ 1;
    expect(decodeVolumeHeader(golden), `byte ${byte}`).toBeUndefined();
    golden[byte] = (golden[byte] ?? 0) ^ 1;
  }
  expect(decodeVolumeHeader(golden.subarray(0, 100))).toBeUndefined();
});

it('names volumes with eight hex digits, and takes no other file for one', () => {
  expect(volumePath(42)).toBe('volumes/0000002a.vol');
  expect(volumeOfName('0000002a.vol')).toBe(42);
  for (const name of ['2a.vol', '0000002A.vol', '0000002a.vol.tmp', '0000002a', '']) {
    expect(volumeOfName(name)).toBeUndefined();
  }
});

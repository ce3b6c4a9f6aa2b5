/** A device for tests: a simulated disk, an index in memory, and fragments made from a seed. */
import { MemoryLevel } from 'memory-level';
import { systemClock } from '../../../../base/clock.ts';
import type { Disk } from '../../../../base/disk.ts';
import { fragmentIndex } from '../../../../base/units.ts';
import {
  type DeviceFragmentStore,
  type FragmentStoreOptions,
  openFragmentStore,
} from '../../../../storage/device/fragment-store.ts';
import type { KeyValueStore } from '../../../../storage/device/fragment-index.ts';
import type { FragmentHeader, FragmentWrite } from '../../../../storage/fragment/fragment.ts';

export const deviceUuid = '00112233445566778899aabbccddeeff';

export function memoryIndex(): KeyValueStore {
  return new MemoryLevel({ keyEncoding: 'view', valueEncoding: 'view' });
}

/** Pseudo-random bytes that differ for every seed. */
export function bytesOf(seed: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = Math.imul(seed + 1, 2654435761) >>> 0;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

export function fragment(
  seed: number,
  unitLength: number,
  changes: Partial<FragmentHeader> = {},
): FragmentWrite {
  const header: FragmentHeader = {
    objectId: (seed + 1).toString(16).padStart(32, '0'),
    stripe: 0,
    index: fragmentIndex(seed % 6),
    k: 4,
    m: 2,
    stripeLength: 4 * unitLength,
    unitLength,
    containerId: 'c0'.repeat(16),
    key: `key ${seed} ü`,
    createdAt: 1_700_000_000_000 + seed,
    ...changes,
  };
  return { header, unit: bytesOf(seed, unitLength) };
}

export function openStore(
  disk: Disk,
  index: KeyValueStore,
  options: Partial<FragmentStoreOptions> = {},
): Promise<DeviceFragmentStore> {
  return openFragmentStore({
    disk,
    index,
    clock: systemClock,
    deviceUuid,
    volumeBytes: 64 * 1024,
    reserveBytes: 64 * 1024,
    checkpointBytes: 128 * 1024,
    ...options,
  });
}

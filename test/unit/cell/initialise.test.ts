import { expect, test } from 'vitest';
import { initialiseFolder } from '../../../server/cell/open-device.ts';
import { deviceId } from '../../../base/units.ts';
import type { DeviceState } from '../../../storage/shard/coordinator.ts';
import { SimDisk } from '../../sim/disk.ts';

/** Found by the simulation: the index of a device was destroyed before it was known whether the folder may be used. */
test('a folder that may hold data loses nothing', async () => {
  const disk = new SimDisk();
  await disk.makeDirectory('volumes');
  await (await disk.create('volumes/00000001.vol')).close();
  let isDestroyed = false;
  const folder = {
    path: '/device',
    disk,
    openIndex: () => Promise.reject(new Error('not opened')),
    destroyIndex: async () => {
      isDestroyed = true;
    },
    makeFolder: () => Promise.resolve(),
  };
  const device: DeviceState = {
    ...{ id: deviceId(1), uuid: '11'.repeat(16), path: '/device', weight: 1 },
    ...{ region: 'r', zone: 'z', node: 'n' },
    status: 'up',
  };
  const initialising = initialiseFolder(folder, { clusterId: '22'.repeat(16), device, now: 0 });
  await expect(initialising).rejects.toMatchObject({ kind: 'conflict' });
  expect(isDestroyed).toBe(false);
});

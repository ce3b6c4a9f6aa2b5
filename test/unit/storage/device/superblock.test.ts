import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createDurably } from '../../../../base/disk.ts';
import { StoreError } from '../../../../base/errors.ts';
import { deviceId } from '../../../../base/units.ts';
import {
  decodeSuperblock,
  encodeSuperblock,
  initialiseDevice,
  openSuperblock,
  type Superblock,
} from '../../../../storage/device/superblock.ts';
import { crc32cOf } from '../../../../storage/fragment/digest.ts';
import { SimDisk } from '../../../sim/disk.ts';
import { deviceUuid } from './device-fixture.ts';

const superblock: Superblock = {
  deviceUuid,
  clusterId: 'fedcba98765432100123456789abcdef',
  deviceId: deviceId(17),
  createdAt: 1_764_000_000_123,
};
const { clusterId } = superblock;

describe('a superblock', () => {
  it('has the bytes of docs/format/superblock.md', () => {
    const golden = readFileSync(
      new URL('../../../golden/fragment/superblock-v1.bin', import.meta.url),
    );
    expect(Buffer.from(encodeSuperblock(superblock)).toString('hex')).toBe(golden.toString('hex'));
    expect(decodeSuperblock(golden)).toEqual({ state: 'ok', superblock });
  });

  it('tells a new device from its own, and from those of others', async () => {
    const disk = new SimDisk();
    expect(await openSuperblock(disk)).toEqual({ state: 'missing' });
    await initialiseDevice(disk, superblock);
    expect(await openSuperblock(disk)).toEqual({ state: 'ok', superblock });
    const other = '11'.repeat(16);
    expect((await openSuperblock(disk, { clusterId, deviceUuid })).state).toBe('ok');
    expect((await openSuperblock(disk, { clusterId: other })).state).toBe('foreign');
    expect((await openSuperblock(disk, { clusterId, deviceUuid: other })).state).toBe('foreign');
  });

  it('tells too new from corrupt', async () => {
    const page = Buffer.from(encodeSuperblock(superblock));
    page.writeUInt32LE(2, 8);
    expect(decodeSuperblock(page)).toMatchObject({ state: 'corrupt', reason: 'CRC' });
    // A later version, with a longer record.
    page.writeUInt32LE(200, 12);
    page.writeUInt32LE(crc32cOf(page.subarray(0, 196)), 196);
    expect(decodeSuperblock(page)).toEqual({ state: 'too-new', version: 2 });
    const disk = new SimDisk();
    await createDurably(disk, 'superblock', page);
    expect(await openSuperblock(disk)).toEqual({ state: 'too-new', version: 2 });
    disk.fail('reads');
    expect(await openSuperblock(disk)).toMatchObject({ state: 'corrupt' });
  });

  it('counts an empty file as missing, and damage as corrupt', () => {
    expect(decodeSuperblock(new Uint8Array(0))).toEqual({ state: 'missing' });
    const page = encodeSuperblock(superblock);
    expect(decodeSuperblock(page.subarray(0, 40))).toMatchObject({ state: 'corrupt' });
    expect(decodeSuperblock(new Uint8Array(4096))).toMatchObject({ state: 'corrupt' });
    for (let byte = 0; byte < 68; byte++) {
      page[byte] = (page[byte] ?? 0) ^ (1 << (byte & 7));
      expect(decodeSuperblock(page).state, `byte ${byte}`).toBe('corrupt');
      page[byte] = (page[byte] ?? 0) ^ (1 << (byte & 7));
    }
  });

  it('never throws', () => {
    const valid = encodeSuperblock(superblock);
    const changed = fc.tuple(fc.nat(80), fc.nat(0xffff_ffff)).map(([at, value]) => {
      const page = Buffer.from(valid);
      page.writeUInt32LE(value, at);
      return page;
    });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 5000 }), changed), (bytes) => {
        expect(decodeSuperblock(bytes).state).toBeDefined();
      }),
    );
  });

  it('never takes over what may hold data', async () => {
    const disk = new SimDisk();
    await disk.makeDirectory('volumes');
    await (await disk.create('volumes/00000001.vol')).close();
    await expect(initialiseDevice(disk, superblock)).rejects.toMatchObject({ kind: 'conflict' });
    await disk.remove('volumes/00000001.vol');
    await initialiseDevice(disk, superblock);
    await expect(initialiseDevice(disk, superblock)).rejects.toMatchObject({ kind: 'conflict' });
    expect(() => encodeSuperblock({ ...superblock, clusterId: 'x' })).toThrow(StoreError);
  });
});

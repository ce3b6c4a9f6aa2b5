import { describe, expect, it } from 'vitest';
import { isStoreError } from '../../../base/errors.ts';
import { systemRandom } from '../../../base/random.ts';
import { createAuthority, fingerprintOf } from '../../../server/cluster/authority.ts';
import {
  checkNodeFile,
  loadNodeFolder,
  writeNodeFolder,
} from '../../../server/cluster/node-folder.ts';
import {
  addSecret,
  decodeToken,
  encodeToken,
  knowsSecret,
  spendSecret,
} from '../../../server/cluster/tokens.ts';
import { SimDisk } from '../../sim/disk.ts';

const kindOf = (error: unknown): string => (isStoreError(error) ? error.kind : String(error));
const day = 86_400_000;

describe('tokens', () => {
  it('carry the authority, and where it is reached', async () => {
    const authority = await createAuthority('c', { random: systemRandom, now: Date.now() });
    const token = encodeToken({
      ...{ address: '[::1]:7000', node: 'n1', secret: 's' },
      authority: authority.certificate,
    });
    expect(token).toMatch(/^[A-Za-z0-9_-]+$/);
    const read = decodeToken(` ${token}\n`);
    expect(read).toMatchObject({ address: '[::1]:7000', node: 'n1', secret: 's' });
    expect(fingerprintOf(read.authority)).toBe(fingerprintOf(authority.certificate));
  });

  it('are refused when they are anything else, and never shown', () => {
    for (const text of ['', 'x', '{}', Buffer.from('{"v":2}').toString('base64url')]) {
      try {
        decodeToken(text);
        throw new Error('it was taken');
      } catch (error) {
        expect(kindOf(error)).toBe('invalid-argument');
      }
    }
  });

  it('are good once, until they expire, and lie nowhere as they are', async () => {
    const disk = new SimDisk();
    await disk.makeDirectory('cluster');
    const making = { random: systemRandom, now: 1000, expires: 1000 + day };
    const [a, b] = [await addSecret(disk, making), await addSecret(disk, making)];
    expect(await knowsSecret(disk, a, 2000)).toBe(true);
    expect(await knowsSecret(disk, `${a}x`, 2000)).toBe(false);
    expect(await knowsSecret(disk, '', 2000)).toBe(false);
    const names = await disk.list('cluster/tokens');
    expect(names).toHaveLength(2);
    for (const name of names) {
      const bytes = (await disk.readAll(`cluster/tokens/${name}`)) ?? new Uint8Array(0);
      expect(name + Buffer.from(bytes).toString('utf8')).not.toContain(a);
    }
    await spendSecret(disk, a);
    expect(await knowsSecret(disk, a, 2000)).toBe(false);
    expect(await knowsSecret(disk, b, 2000)).toBe(true);
    expect(await knowsSecret(disk, b, 1000 + day)).toBe(false);
  });

  it('are made while others are made and spent, and none is lost or comes back', async () => {
    const disk = new SimDisk();
    await disk.makeDirectory('cluster');
    const making = { random: systemRandom, now: 1000, expires: 1000 + day };
    const spent = await addSecret(disk, making);
    const made = await Promise.all([
      ...[1, 2, 3].map(() => addSecret(disk, making)),
      spendSecret(disk, spent).then(() => spent),
    ]);
    const known = await Promise.all(made.map((secret) => knowsSecret(disk, secret, 2000)));
    expect(known).toEqual([true, true, true, false]);
  });
});

describe("a node's folder", () => {
  const node = checkNodeFile({
    ...{ format: 1, clusterId: 'ab'.repeat(16), name: 'n1', region: 'r1', zone: 'z1' },
    ...{ role: 'all', address: 'h:1', listen: 'h:1', etcd: ['http://h:2'] },
  });
  const identity = { authority: 'A', certificate: 'C', key: 'K' };

  it('is read as it was written', async () => {
    const disk = new SimDisk();
    expect(await loadNodeFolder(disk)).toBeUndefined();
    await writeNodeFolder(disk, { node, identity, authorityKey: 'S' });
    expect(await loadNodeFolder(disk)).toEqual({ node, identity, authorityKey: 'S' });
  });

  it('is no folder of a node before its last file, and none without its key', async () => {
    const disk = new SimDisk();
    await writeNodeFolder(disk, { node, identity, authorityKey: undefined });
    await disk.remove('cluster/node-key.pem');
    expect(await loadNodeFolder(disk).catch(kindOf)).toBe('invalid-argument');
    await disk.remove('cluster/node.json');
    expect(await loadNodeFolder(disk)).toBeUndefined();
  });

  it('refuses names and addresses that cannot be', () => {
    const bad = [{ name: 'N1' }, { name: '../x' }, { address: 'h' }, { etcd: [] }, { role: 'x' }];
    for (const change of bad) {
      expect(() => checkNodeFile({ ...node, ...change })).toThrow();
    }
  });
});

import { describe, expect, test } from 'vitest';
import { micros } from '../../../../base/units.ts';
import type { Commands } from '../../../../server/core/commands.ts';
import { createDecide } from '../../../../server/core/decide/decide.ts';
import { newestMarker } from '../../../../server/core/decide/version-chain.ts';
import { versionIdOf } from '../../../../server/core/model.ts';
import type { ShardView } from '../../../../server/core/ports.ts';
import { MemoryRows } from '../../../memory/rows.ts';
import { ManualClock } from '../../../memory/ports.ts';
import {
  GRACE_MILLIS,
  account,
  createContainer,
  createFixture,
  kindOf,
  owner,
  putCommand,
  text,
} from '../fixture.ts';

const containerId = '11'.repeat(16);
const decide = createDecide({ releaseGraceMillis: GRACE_MILLIS });

async function emptyContainer(versioning: 'off' | 'enabled' | 'suspended'): Promise<MemoryRows> {
  const rows = new MemoryRows(new ManualClock(), decide);
  const about = { account, name: 'c', policy: 'ec:4+2', settings: {} };
  await rows.execute({ type: 'container.create', containerId, ...about, versioning });
  return rows;
}

function inlinePut(key: string): { type: 'object.put' } & Commands['object.put']['args'] {
  return {
    type: 'object.put',
    containerId,
    key,
    object: {
      size: 1,
      etag: 'e',
      contentType: '',
      system: {},
      user: {},
      checksums: [],
      body: { type: 'inline' },
    },
    inline: text('x'),
    condition: {},
  };
}

test('a history of 10,000 versions costs a write no more than one of 3', async () => {
  const rows = await emptyContainer('enabled');
  const first = await rows.execute(inlinePut('k'));
  const cost = (command: Parameters<typeof decide>[0]): number => {
    let gets = 0;
    const view: ShardView = {
      get: (table, key) => {
        gets++;
        return rows.peek(table, key);
      },
    };
    const { changes } = decide(command, view, { time: micros(9_000_000_000_000_000) });
    return gets + changes.length;
  };
  const versions = [first.row.version];
  const costs: number[][] = [];
  for (let count = 1; count < 10_000; count++) {
    versions.push((await rows.execute(inlinePut('k'))).row.version);
    if (count !== 3 && count !== 9999) continue;
    const middle = versions[count >>> 1] ?? first.row.version;
    const condition = {};
    const deletion = { type: 'object.delete', containerId, key: 'k', condition } as const;
    const versionId = versionIdOf({ version: middle, isNull: false });
    costs.push([cost(inlinePut('k')), cost(deletion), cost({ ...deletion, versionId })]);
  }
  expect(costs[1]).toEqual(costs[0]);
  expect(Math.max(...(costs[0] ?? []))).toBeLessThan(14);
});

describe('suspended', () => {
  test('a write replaces the null version in the middle of the history', async () => {
    const { core, rows } = createFixture();
    await createContainer(core, 'c');
    const address = { account, container: 'c' };
    await core.putObject(owner, putCommand('c', 'k', text('null')));
    await core.updateContainer(owner, address, { settings: {}, versioning: 'enabled' });
    const { row: second } = await core.putObject(owner, putCommand('c', 'k', text('second')));
    const { row: third } = await core.putObject(owner, putCommand('c', 'k', text('third')));
    await core.updateContainer(owner, address, { settings: {}, versioning: 'suspended' });
    const { row } = await core.putObject(owner, putCommand('c', 'k', text('new null')));
    expect(row).toMatchObject({ isNull: true, older: third.version });
    const stamps = rows.rowsOf('version').map((one) => one.key.version);
    expect(stamps.toSorted((a, b) => a - b)).toEqual([second.version, third.version]);
  });

  test('a deletion leaves a null marker, found under its own place', async () => {
    const { core, rows } = createFixture();
    const id = await createContainer(core, 'c', 'suspended');
    await core.putObject(owner, putCommand('c', 'k', text('null')));
    const at = { account, container: 'c', key: 'k' };
    const { marker } = await core.deleteObject(owner, { ...at, condition: {} });
    expect(marker).toMatchObject({ isNull: true, kind: 'delete-marker' });
    const key = { containerId: id, key: 'k' };
    expect(rows.peek('current', key)).toBeUndefined();
    expect(rows.peek('version', { ...key, version: newestMarker })).toMatchObject({
      version: marker?.version,
    });
  });
});

test('the stamp of a null version is no name for it', async () => {
  const { core } = createFixture();
  await createContainer(core, 'c');
  const { row } = await core.putObject(owner, putCommand('c', 'k', text('null')));
  const versionId = versionIdOf({ version: row.version, isNull: false });
  const at = { account, container: 'c', key: 'k', versionId, condition: {} };
  expect(await core.deleteObject(owner, at)).toMatchObject({ deleted: undefined });
  expect(await kindOf(core.openObject(owner, at))).toBe('no-such-version');
  const bad = { ...at, versionId: 'nonsense' };
  expect(await kindOf(core.openObject(owner, bad))).toBe('invalid-argument');
  expect(await kindOf(core.deleteObject(owner, bad))).toBe('invalid-argument');
});

test('a versioned container never becomes unversioned', async () => {
  const { core } = createFixture();
  await createContainer(core, 'c', 'suspended');
  const address = { account, container: 'c' };
  const change = { settings: {}, versioning: 'off' } as const;
  expect(await kindOf(core.updateContainer(owner, address, change))).toBe('invalid-argument');
});

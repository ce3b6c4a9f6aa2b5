/** The simulation has teeth: with any one kind of sync left out, some early seed fails. */
import { expect, test } from 'vitest';
import type { SyncCall } from './dropped-syncs.ts';
import { runScenario } from './scenario.ts';

const mutations: Readonly<Record<string, (call: SyncCall) => boolean>> = {
  'the log': ({ kind, path }) => kind === 'file' && path.startsWith('log/'),
  'the volumes': ({ kind, path }) => kind === 'file' && path.startsWith('volumes/'),
  'the superblock': ({ kind, path }) => kind === 'file' && path.startsWith('superblock'),
  'the cluster map': ({ kind, path }) => kind === 'file' && path.startsWith('cluster-map'),
  'the names in the log folder': ({ kind, path }) => kind === 'folder' && path === 'log',
  'the names of volumes': ({ kind, path }) => kind === 'folder' && path === 'volumes',
  'the names in the device folder': ({ kind, path }) => kind === 'folder' && path === '',
};

async function firstFailure(dropped: (call: SyncCall) => boolean): Promise<number | undefined> {
  for (let seed = 1; seed < 50; seed++) {
    try {
      await runScenario({ seed, dropped });
    } catch {
      return seed;
    }
  }
  return undefined;
}

for (const [name, dropped] of Object.entries(mutations)) {
  test(`a dropped sync of ${name} is noticed`, { timeout: 120_000 }, async () => {
    expect(await firstFailure(dropped)).toBeDefined();
  });
}

import { describe, expect, it } from 'vitest';
import type { Disk } from '../../base/disk.ts';
import { deviceId } from '../../base/units.ts';
import { initialiseDevice, openSuperblock } from '../../storage/device/superblock.ts';
import { CrashRecorder, enumerateCrashStates } from '../sim/crash-states.ts';
import { SimDisk } from '../sim/disk.ts';
import { dropSyncs } from '../sim/dropped-syncs.ts';
import { deviceUuid, fragment } from '../unit/storage/device/device-fixture.ts';
import {
  checkScenario,
  clusterId,
  type CheckResult,
  type Scenario,
  unitLength,
} from './device-check.ts';

const superblock = { deviceUuid, clusterId, deviceId: deviceId(3), createdAt: 1 };

async function checkInitialisation(wrap: (disk: Disk) => Disk): Promise<CheckResult> {
  const disk = new SimDisk();
  const recorder = new CrashRecorder<'initialised'>(disk);
  await initialiseDevice(wrap(disk), superblock);
  recorder.mark('initialised');
  const problems: string[] = [];
  let states = 0;
  for (const state of enumerateCrashStates(recorder)) {
    states++;
    const found = await openSuperblock(state.disk);
    const done = state.marks.length > 0;
    if (found.state === 'ok') {
      if ((await state.disk.list('')).includes('volumes')) continue;
      problems.push(`${state.description}: the volume folder is gone`);
    } else if (done || found.state !== 'missing') {
      problems.push(`${state.description}: ${found.state}`);
    } else {
      await initialiseDevice(state.disk, superblock);
    }
  }
  return { states, problems };
}

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, i) => from + i);

const appending: Scenario = {
  prepare: async (store, note) => {
    await store.append([fragment(0, unitLength)]);
    await store.commit();
    note({ type: 'committed', seeds: [0] });
  },
  // Two at once, one with a commit of its own, then enough to begin a new volume.
  run: async (store, note) => {
    await Promise.all([
      store.append([fragment(1, unitLength)]),
      store.append([fragment(2, unitLength), fragment(3, unitLength)]),
    ]);
    const commit = store.commit();
    const late = store.append([fragment(4, unitLength)]);
    await commit;
    note({ type: 'committed', seeds: [1, 2, 3] });
    await late;
    await store.commit();
    note({ type: 'committed', seeds: [4] });
  },
  seeds: range(0, 5),
};

// Volumes of two records: 0 1, 2 3, 4 and what follows.
const compacting: Scenario = {
  prepare: async (store, note) => {
    for (const seed of range(0, 5)) await store.append([fragment(seed, unitLength)]);
    await store.commit();
    note({ type: 'committed', seeds: range(0, 5) });
    note({ type: 'removing', seeds: [0] });
    await store.removeOne(fragment(0, 1).header);
  },
  run: async (store, note) => {
    expect(store.nextCompaction()).toBe(1);
    const moved = { removed: true, movedBytes: unitLength };
    const [first] = await Promise.all([
      store.compactVolume(1, async () => undefined),
      store.append([fragment(5, unitLength)]),
    ]);
    expect(first).toMatchObject(moved);
    note({ type: 'removing', seeds: [2] });
    await store.removeOne(fragment(2, 1).header);
    expect(await store.compactVolume(2, async () => undefined)).toMatchObject(moved);
    await store.append([fragment(6, unitLength)]);
    await store.commit();
    note({ type: 'committed', seeds: [5, 6] });
    await store.close();
  },
  seeds: range(0, 7),
};

describe('a device in every crash state', () => {
  it('is initialised or missing, and initialised once acknowledged', async () => {
    const { states, problems } = await checkInitialisation((disk) => disk);
    expect(problems).toEqual([]);
    expect(states).toBeGreaterThan(5);
  });

  it('has every committed fragment', async () => {
    const { states, problems } = await checkScenario(appending);
    expect(problems).toEqual([]);
    expect(states).toBeGreaterThan(200);
  });

  it('loses nothing to compaction', async () => {
    const { states, problems } = await checkScenario(compacting);
    expect(problems).toEqual([]);
    expect(states).toBeGreaterThan(300);
  });
});

describe('a dropped sync is noticed', () => {
  const folder = (path: string) => (disk: Disk) =>
    dropSyncs(disk, (call) => call.kind === 'folder' && call.path === path);
  const files = (prefix: string) => (disk: Disk) =>
    dropSyncs(disk, (call) => call.kind === 'file' && call.path.startsWith(prefix));

  it.each([
    ['of the superblock', files('superblock')],
    ['of the device folder', folder('')],
  ] as const)('%s', async (_, wrap) => {
    expect((await checkInitialisation(wrap)).problems).not.toEqual([]);
  });

  it.each([
    ['of a volume, when appending', appending, files('volumes/')],
    ['of the volume folder, when appending', appending, folder('volumes')],
  ] as const)('%s', async (_, scenario, wrap) => {
    expect((await checkScenario(scenario, wrap)).problems).not.toEqual([]);
  });

  it.each([
    ['of the copies, when compacting', files('volumes/')],
    ['of the volume folder, when compacting', folder('volumes')],
  ] as const)('%s', async (_, wrap) => {
    const { problems } = await checkScenario(compacting, wrap);
    // Of what was moved, not of what was appended beside it.
    expect(problems.some((problem) => /fragment [13] is lost/.test(problem))).toBe(true);
  });
});

import { describe, expect, it } from 'vitest';
import { answerRecon, type ReconSource } from '../../../server/admin/recon.ts';

const source: ReconSource = {
  version: '9.9.9',
  now: () => 1_790_000_000_500,
  devices: () => [
    {
      path: '/srv/a',
      space: () => Promise.resolve({ freeBytes: 300, totalBytes: 1000 }),
    },
  ],
  away: () => [{ path: '/mnt/b', reason: 'no superblock' }],
  workers: () => [{ name: 'expirer', done: 7, failed: 0 }],
  audit: () => ({
    fragments: { rounds: 2, checked: 50, corrupt: 3 },
    rows: { rounds: 1, checked: 20, healed: 1 },
  }),
  redundancy: () => ({
    ...{ startedAt: 1_790_000_000_000, finishedAt: 1_790_000_120_000 },
    ...{ bodies: 10, degradedBodies: 4 },
  }),
};

const ask = (check: string, from = source): Promise<unknown> =>
  answerRecon(from, `/recon/${check}`);

describe('/recon', () => {
  it('tells of disks', async () => {
    expect(await ask('devices')).toEqual({ '/srv': ['a'], '/mnt': ['b'] });
    expect(await ask('unmounted')).toEqual([{ device: 'b', mounted: 'no superblock' }]);
    expect(await ask('driveaudit')).toEqual({ drive_audit_errors: 1 });
    expect(await ask('diskusage')).toEqual([
      { device: 'a', mounted: true, size: 1000, used: 700, avail: 300 },
      { device: 'b', mounted: 'no superblock', size: '', used: '', avail: '' },
    ]);
  });

  it('tells of work in the units that the tools expect', async () => {
    expect(await ask('replication/container')).toMatchObject({
      replication_time: 120,
      replication_last: 1_790_000_120,
      replication_stats: { attempted: 10, success: 6, failure: 4 },
    });
    expect(await ask('replication')).toMatchObject({ object_replication_time: 2 });
    expect(await ask('reconstruction/object')).toEqual({
      object_reconstruction_time: 2,
      object_reconstruction_last: 1_790_000_120,
    });
    expect(await ask('auditor/object')).toMatchObject({
      object_auditor_stats_ALL: { passes: 47, errors: 3, quarantined: 0 },
    });
    expect(await ask('auditor/container')).toMatchObject({
      container_audits_passed: 19,
      container_audits_failed: 1,
    });
    expect(await ask('expirer/object')).toMatchObject({ expired_last_pass: 7 });
    expect(await ask('async')).toMatchObject({ async_pending: 0 });
    expect(await ask('updater/container')).toEqual({ container_updater_sweep: 0 });
  });

  it('tells of the machine', async () => {
    expect(await ask('version')).toEqual({ version: '9.9.9' });
    expect(await ask('time')).toBe(1_790_000_000.5);
    expect(await ask('load')).toMatchObject({ '1m': expect.any(Number) });
    expect(await ask('mem')).toMatchObject({ MemTotal: expect.stringMatching(/^\d+ kB$/) });
  });

  it('says that it does not know before the first round, and of what there is not', async () => {
    const fresh = { ...source, redundancy: () => undefined };
    expect(await ask('replication', fresh)).toEqual({
      ...{ replication_time: null, replication_stats: null, replication_last: null },
    });
    expect(await ask('reconstruction/object', fresh)).toMatchObject({
      object_reconstruction_last: null,
    });
    for (const check of ['', 'nothing', 'auditor', 'auditor/x', 'load/x']) {
      expect([check, await ask(check)]).toEqual([check, undefined]);
    }
  });
});

/**
 * `GET /recon/…`: what `swift-recon` and monitors written for Swift ask of each server
 * (swift/common/middleware/recon.py), answered by what Torc has in its place. What it has nothing
 * like says so by null, which these tools take for "no data"; nothing is made up.
 */
import { cpus, freemem, loadavg, totalmem } from 'node:os';
import { basename, dirname } from 'node:path';
import type { Cell } from '../cell/cell.ts';

/** The part of a cell that is asked. */
export interface ReconSource {
  readonly version: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly devices: () => readonly {
    readonly path: string;
    readonly space: () => Promise<{ readonly freeBytes: number; readonly totalBytes: number }>;
  }[];
  readonly away: () => readonly { readonly path: string; readonly reason: string }[];
  readonly workers: () => readonly {
    readonly name: string;
    readonly done: number;
    readonly failed: number;
  }[];
  /** Since the start. */
  readonly audit: () => {
    readonly fragments: {
      readonly rounds: number;
      readonly checked: number;
      readonly corrupt: number;
    };
    readonly rows: { readonly rounds: number; readonly checked: number; readonly healed: number };
  };
  /** The last comparison of what should be with what is, of all bodies. */
  readonly redundancy: () =>
    | {
        readonly startedAt: number;
        readonly finishedAt: number;
        readonly bodies: number;
        readonly degradedBodies: number;
      }
    | undefined;
}

export function reconSourceOf(cell: Cell, version: string, now: () => number): ReconSource {
  const { workers } = cell;
  return {
    ...{ version, now },
    devices: () =>
      cell.devices().map(({ folder }) => ({ path: folder.path, space: () => folder.disk.space() })),
    away: () => cell.away(),
    workers: () => workers.status(),
    audit: () => ({ fragments: workers.auditor.counts, rows: workers.scrub.counts }),
    redundancy: () => workers.reconciler.report,
  };
}

type Answer = Readonly<Record<string, unknown>> | readonly unknown[] | number;

/** `path` as it was asked for; undefined: there is no such thing. */
export async function answerRecon(source: ReconSource, path: string): Promise<Answer | undefined> {
  const answer = checks.get(path.replace(/^\/recon\//, ''));
  return answer?.(source);
}

const seconds = (millis: number): number => millis / 1000;

const checks: ReadonlyMap<string, (source: ReconSource) => Answer | Promise<Answer>> = new Map<
  string,
  (source: ReconSource) => Answer | Promise<Answer>
>([
  ['version', ({ version }) => ({ version })],
  ['time', ({ now }) => seconds(now())],
  ['load', load],
  ['mem', memory],
  // A listing's row is the object's commit: nothing is ever pending.
  ['async', ({ now }) => ({ async_pending: 0, async_pending_last: seconds(now()) })],
  ['updater/container', () => ({ container_updater_sweep: 0 })],
  ['updater/object', updater],
  ['devices', devices],
  ['mounted', ({ devices: all }) => all().map(({ path }) => ({ device: basename(path), path }))],
  ['unmounted', unmounted],
  ['diskusage', diskUsage],
  ['driveaudit', ({ away }) => ({ drive_audit_errors: away().length })],
  ['replication', replication],
  ['replication/object', replication],
  ['replication/container', replication],
  ['replication/account', replication],
  ['reconstruction/object', reconstruction],
  ['auditor/object', objectAuditor],
  ['auditor/container', (source) => rowAuditor(source, 'container')],
  ['auditor/account', (source) => rowAuditor(source, 'account')],
  ['expirer/object', expirer],
  ['quarantined', quarantined],
  ['sharding', () => ({ sharding_stats: null, sharding_time: null, sharding_last: null })],
  ['relinker', () => ({ devices: null, workers: null })],
  // The ring and the settings are no files of Swift's.
  ['ringmd5', () => ({})],
  ['swiftconfmd5', () => ({ '/etc/swift/swift.conf': null })],
]);

function load(): Answer {
  const [one = 0, five = 0, fifteen = 0] = loadavg();
  return { '1m': one, '5m': five, '15m': fifteen, cpus: cpus().length };
}

function memory(): Answer {
  const kilobytes = (bytes: number): string => `${Math.round(bytes / 1024)} kB`;
  return { MemTotal: kilobytes(totalmem()), MemFree: kilobytes(freemem()) };
}

function updater({ now }: ReconSource): Answer {
  return {
    object_updater_sweep: 0,
    object_updater_stats: null,
    object_updater_last: seconds(now()),
  };
}

function devices(source: ReconSource): Answer {
  const paths = [...source.devices(), ...source.away()].map(({ path }) => path);
  const byFolder = Map.groupBy(paths, dirname);
  return Object.fromEntries(
    [...byFolder].map(([folder, all]) => [folder, all.map((one) => basename(one))]),
  );
}

function unmounted({ away }: ReconSource): Answer {
  return away().map(({ path, reason }) => ({ device: basename(path), mounted: reason }));
}

async function diskUsage(source: ReconSource): Promise<Answer> {
  const serving = await Promise.all(
    source.devices().map(async ({ path, space }) => {
      const { freeBytes, totalBytes } = await space();
      const used = totalBytes - freeBytes;
      return { device: basename(path), mounted: true, size: totalBytes, used, avail: freeBytes };
    }),
  );
  const none = { size: '', used: '', avail: '' };
  const gone = source
    .away()
    .map(({ path, reason }) => ({ device: basename(path), mounted: reason, ...none }));
  return [...serving, ...gone];
}

/** Of Swift's replicators, the round in which all bodies are compared with what the devices hold. */
function replication(source: ReconSource): Answer {
  const report = source.redundancy();
  if (report === undefined) {
    return { replication_time: null, replication_stats: null, replication_last: null };
  }
  const { startedAt, finishedAt, bodies, degradedBodies } = report;
  const time = seconds(finishedAt - startedAt);
  const last = seconds(finishedAt);
  return {
    replication_time: time,
    replication_last: last,
    replication_stats: {
      attempted: bodies,
      success: bodies - degradedBodies,
      failure: degradedBodies,
    },
    // Of objects Swift counts in minutes.
    object_replication_time: time / 60,
    object_replication_last: last,
  };
}

function reconstruction(source: ReconSource): Answer {
  const report = source.redundancy();
  if (report === undefined) {
    return { object_reconstruction_time: null, object_reconstruction_last: null };
  }
  const { startedAt, finishedAt } = report;
  return {
    object_reconstruction_time: seconds(finishedAt - startedAt) / 60,
    object_reconstruction_last: seconds(finishedAt),
  };
}

function objectAuditor(source: ReconSource): Answer {
  const { checked, corrupt } = source.audit().fragments;
  // Damage is repaired and not set aside: nothing is in quarantine.
  const all = { passes: checked - corrupt, errors: corrupt, quarantined: 0 };
  return { object_auditor_stats_ALL: all, object_auditor_stats_ZBF: null };
}

function rowAuditor(source: ReconSource, what: 'container' | 'account'): Answer {
  const { checked, healed } = source.audit().rows;
  return {
    [`${what}_audits_passed`]: checked - healed,
    [`${what}_audits_failed`]: healed,
    [`${what}_audits_since`]: null,
    [`${what}_auditor_pass_completed`]: null,
  };
}

function expirer(source: ReconSource): Answer {
  const worker = source.workers().find(({ name }) => name === 'expirer');
  return { object_expiration_pass: null, expired_last_pass: worker?.done ?? null };
}

function quarantined(): Answer {
  return { objects: 0, containers: 0, accounts: 0, policies: {} };
}

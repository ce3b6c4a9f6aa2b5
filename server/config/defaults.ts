/** Every limit that is not a flag, with its arithmetic. */
import { GiB, KiB, MiB } from '../../base/units.ts';
import type { CellSettings } from '../cell/cell.ts';
import { REAL_DAY_MILLIS } from '../core/lifecycle/due.ts';
import type { HttpLimits } from '../http/limits.ts';
import type { Settings } from './settings.ts';

export const httpLimits: HttpLimits = {
  // Swift: 90 metadata headers of 128 + 256 bytes, and one header of 8 KiB, make some 43 KiB.
  maxHeaderBytes: 64 * KiB,
  // A connection costs some 30 KiB: 4,096 of them 120 MiB.
  maxConnections: 4096,
  maxPipelined: 64,
  headersTimeoutMillis: 60_000,
  bodyIdleMillis: 60_000,
  socketIdleMillis: 120_000,
  keepAliveMillis: 75_000,
  socketBufferBytes: 256 * KiB,
  maxDrainBytes: 16 * MiB,
  maxDrainMillis: 5_000,
  // Clients wait 1 s for `100 Continue` (curl, botocore, Go); half of it leaves time for the network.
  expectGraceMillis: 500,
  shutdownMillis: 30_000,
};

export const cellSettings: CellSettings = {
  device: {
    volumeBytes: 256 * MiB,
    reserveBytes: 64 * MiB,
    checkpointBytes: 64 * MiB,
    logSegmentBytes: 64 * MiB,
  },
  write: {
    stripeBytes: MiB,
    // 48 MiB with parity; more were of no use to two cores.
    stripesInFlight: 32,
    patienceMinMillis: 500,
    patienceMaxMillis: 5_000,
    syncEveryBytes: 64 * MiB,
  },
  read: {
    readAheadStripes: 2,
    // 32 MiB, half as much again where all are hedged; a download has one of 1 MiB however many there are.
    stripesInFlight: 32,
    hedgeMinMillis: 20,
    hedgeMaxMillis: 1_000,
  },
  work: {
    pauseMillis: 5,
    idleMillis: 1_000,
    auditRoundMillis: 24 * 3_600_000,
    sweepRoundMillis: 3_600_000,
    reconcileRoundMillis: 24 * 3_600_000,
    recheckMillis: 2_000,
    // With a quarter of the time for itself it leaves clients far more than half of their speed.
    pace: { busyShare: 0.25 },
    sweeper: { graceMillis: 24 * 3_600_000, confirmMillis: 120_000, maxSuspects: 100_000 },
  },
  lifecycleDayMillis: REAL_DAY_MILLIS,
  releaseGraceMillis: 60_000,
};

/** Of access logs: a batch of 1 MiB is some 2,500 lines. */
export const accessLogBounds: { readonly batchBytes: number; readonly totalBytes: number } = {
  batchBytes: MiB,
  totalBytes: 64 * MiB,
};

/** With what the operator chose. */
export function cellSettingsOf(
  settings: Pick<Settings, 'swift' | 'lifecycleDaySeconds' | 'metadataBackupSeconds'>,
): CellSettings {
  const { metadataBackupSeconds } = settings;
  const backupMillis = metadataBackupSeconds === 0 ? undefined : metadataBackupSeconds * 1000;
  return {
    ...cellSettings,
    work: { ...cellSettings.work, backupMillis },
    lifecycleDayMillis: settings.lifecycleDaySeconds * 1000,
    expiredKeptMillis: settings.swift.expiredKeptSeconds * 1000,
  };
}

/** One PUT or part, as S3 and Swift (max_file_size) allow. */
export const maxBodyBytes: number = 5 * GiB + 2;

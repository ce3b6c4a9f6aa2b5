/** How far a client's clock may be from ours. */
import type { Clock } from '../../../base/clock.ts';
import { s3Error } from '../codes.ts';
import { formatIsoDate, parseAmzDate } from '../dates.ts';

export const MAX_SKEW_MILLIS: number = 15 * 60 * 1000;

/** Throws `RequestTimeTooSkewed`. */
export function checkSkew(stamp: string, clock: Clock): void {
  const now = clock.now();
  const stated = parseAmzDate(stamp);
  if (stated !== undefined && Math.abs(now - stated) <= MAX_SKEW_MILLIS) return;
  throw s3Error('RequestTimeTooSkewed', undefined, {
    RequestTime: stamp,
    ServerTime: formatIsoDate(now),
    MaxAllowedSkewMilliseconds: MAX_SKEW_MILLIS,
  });
}

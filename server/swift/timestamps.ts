/** The ways in which Swift writes a stamp: to ten microseconds, so that what clusters tell each other of it is all of it. */
import { formatIso } from '../../base/calendar/civil-date.ts';
import { inTicks } from '../../base/timestamp.ts';
import type { Micros } from '../../base/units.ts';
import { formatHttpDate } from '../http/conditional.ts';

/** `X-Timestamp`: seconds since 1970 with five decimals, at least 16 characters (`%016.05f`). */
export function formatTimestamp(stamp: Micros): string {
  const seconds = Math.floor(stamp / 1_000_000);
  const ticks = Math.floor((stamp - seconds * 1_000_000) / 10);
  return `${String(seconds).padStart(10, '0')}.${String(ticks).padStart(5, '0')}`;
}

/** Milliseconds of `Last-Modified`: the stamp's second, rounded up, so that a client never holds a date before the change. */
export function lastModifiedMillis(stamp: Micros): number {
  return Math.ceil(inTicks(stamp) / 1_000_000) * 1000;
}

/** `last_modified` of listings. */
export function formatListed(stamp: Micros): string {
  return formatIso(inTicks(stamp));
}

export function formatLastModified(stamp: Micros): string {
  return formatHttpDate(lastModifiedMillis(stamp));
}

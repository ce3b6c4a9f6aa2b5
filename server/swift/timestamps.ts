/** The three ways in which Swift writes one stamp. */
import type { Micros } from '../../base/units.ts';
import { civilFromDays, formatHttpDate } from '../http/conditional.ts';

/** `X-Timestamp`: seconds since 1970 with five decimals, at least 16 characters (`%016.05f`). */
export function formatTimestamp(stamp: Micros): string {
  const seconds = Math.floor(stamp / 1_000_000);
  const ticks = Math.floor((stamp - seconds * 1_000_000) / 10);
  return `${String(seconds).padStart(10, '0')}.${String(ticks).padStart(5, '0')}`;
}

/** Listings: `%Y-%m-%dT%H:%M:%S.%f`, UTC without a zone, always six decimals. */
export function formatIso(stamp: Micros): string {
  const seconds = Math.floor(stamp / 1_000_000);
  const fraction = stamp - seconds * 1_000_000;
  const day = Math.floor(seconds / 86_400);
  const rest = seconds - day * 86_400;
  const date = civilFromDays(day);
  const two = (value: number): string => String(value).padStart(2, '0');
  const time = `${two(Math.floor(rest / 3600))}:${two(Math.floor(rest / 60) % 60)}:${two(rest % 60)}`;
  const year = String(date.year).padStart(4, '0');
  return `${year}-${two(date.month)}-${two(date.day)}T${time}.${String(fraction).padStart(6, '0')}`;
}

/** Milliseconds of `Last-Modified`: the stamp's second, rounded up, so that a client never holds a date before the change. */
export function lastModifiedMillis(stamp: Micros): number {
  return Math.ceil(stamp / 1_000_000) * 1000;
}

export function formatLastModified(stamp: Micros): string {
  return formatHttpDate(lastModifiedMillis(stamp));
}

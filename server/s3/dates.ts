/** The two forms of date that S3 uses besides HTTP's own. Pure arithmetic: no time zone of the machine. */
import { civilFromDays, daysFromCivil } from '../../base/calendar/civil-date.ts';

const DAY_SECONDS = 86_400;

let lastStampText = '';
let lastStampMillis: number | undefined;

/** Milliseconds since 1970 of `20260131T235959Z`; undefined when it is not of that form. */
export function parseAmzDate(text: string): number | undefined {
  // A busy client's requests of one second share their stamp.
  if (text === lastStampText) return lastStampMillis;
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  lastStampMillis = match === null ? undefined : millisOf(match.slice(1).map(Number));
  lastStampText = text;
  return lastStampMillis;
}

function millisOf(fields: readonly number[]): number | undefined {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = fields;
  if (month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 60)
    return undefined;
  const epochDay = daysFromCivil(year, month, day);
  if (civilFromDays(epochDay).day !== day) return undefined;
  return (epochDay * DAY_SECONDS + hour * 3600 + minute * 60 + second) * 1000;
}

/** `2026-01-31T23:59:59.000Z`, the form of every date in S3's XML: milliseconds are always zero, so that they agree with Last-Modified. */
export function formatIsoDate(millis: number): string {
  const f = fieldsOf(millis);
  return `${f.year}-${f.month}-${f.day}T${f.hour}:${f.minute}:${f.second}.000Z`;
}

/** As `formatIsoDate`, with the milliseconds there are: a retention must not seem to end before it does. */
export function formatIsoMillis(millis: number): string {
  const rest = String(((millis % 1000) + 1000) % 1000).padStart(3, '0');
  return formatIsoDate(millis).replace('.000Z', `.${rest}Z`);
}

/** Milliseconds since 1970 of an ISO 8601 date and time with a zone (`Z` or an offset); digits beyond milliseconds round up. undefined for any other text. */
export function parseIsoDate(text: string): number | undefined {
  const match =
    /^(\d{4})-?(\d\d)-?(\d\d)T(\d\d):?(\d\d):?(\d\d)(?:[.,](\d{1,9}))?(Z|[+-]\d\d:?\d\d)$/.exec(
      text,
    );
  if (match === null) return undefined;
  const whole = millisOf(match.slice(1, 7).map(Number));
  if (whole === undefined) return undefined;
  const fraction = Math.ceil(Number(`0.${match[7] ?? '0'}`) * 1000);
  return whole + fraction - zoneMillis(match[8] ?? 'Z');
}

function zoneMillis(zone: string): number {
  if (zone === 'Z') return 0;
  const digits = zone.replace(/\D/g, '');
  const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2));
  return (zone.startsWith('-') ? -minutes : minutes) * 60_000;
}

/** `20260131T235959Z`. */
export function formatAmzDate(millis: number): string {
  const f = fieldsOf(millis);
  return `${f.year}${f.month}${f.day}T${f.hour}${f.minute}${f.second}Z`;
}

function fieldsOf(
  millis: number,
): Record<'year' | 'month' | 'day' | 'hour' | 'minute' | 'second', string> {
  const total = Math.floor(millis / 1000);
  const epochDay = Math.floor(total / DAY_SECONDS);
  const rest = total - epochDay * DAY_SECONDS;
  const date = civilFromDays(epochDay);
  return {
    year: String(date.year).padStart(4, '0'),
    month: two(date.month),
    day: two(date.day),
    hour: two(Math.floor(rest / 3600)),
    minute: two(Math.floor(rest / 60) % 60),
    second: two(rest % 60),
  };
}

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}

/** Dates and entity tags of conditional requests (RFC 9110 sections 5.6.7, 8.8.3 and 13.1). Pure: no clock, no time zone of the machine. */
import { civilFromDays, daysFromCivil } from '../../base/calendar/civil-date.ts';

/** Bare tags (no quotes, no `W/`) of If-Match and If-None-Match; `*` for any. undefined: absent or empty. Bare tags are accepted: real clients send them. */
export function parseEntityTags(value: string | undefined): readonly string[] | '*' | undefined {
  if (value === undefined) return undefined;
  const text = value.trim();
  if (text === '') return undefined;
  if (text === '*' || text === '"*"') return '*';
  const tags: string[] = [];
  // A quoted tag may hold commas; what does not begin with a quote ends at a comma, quotes inside
  // and all: `not-"abc"` must not match `abc`. An unclosed quote ends with the text.
  const pattern = /(?:W\/)?"([^"]*)"?|([^\s,"][^,]*)/gy;
  let at = 0;
  while (at < text.length) {
    const character = text[at];
    if (character === ',' || character === ' ' || character === '\t') {
      at += 1;
      continue;
    }
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match === null) break;
    tags.push((match[1] ?? match[2] ?? '').trim());
    at = pattern.lastIndex;
  }
  return tags;
}

const days = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'] as const;
const months = [
  'Jan',
  'Feb',
  'Mar',
  'Apr',
  'May',
  'Jun',
  'Jul',
  'Aug',
  'Sep',
  'Oct',
  'Nov',
  'Dec',
] as const;

const fixdate =
  /^[A-Za-z]{3}, (\d{1,2}) ([A-Za-z]{3}) (\d{4}) (\d\d):(\d\d):(\d\d) (?:GMT|UTC|[+-]0000)$/;
const rfc850 = /^[A-Za-z]+, (\d\d)-([A-Za-z]{3})-(\d\d) (\d\d):(\d\d):(\d\d) (?:GMT|UTC)$/;
const asctime = /^[A-Za-z]{3} ([A-Za-z]{3}) ([ \d]\d) (\d\d):(\d\d):(\d\d) (\d{4})$/;

/** Milliseconds since 1970 of the three forms of RFC 9110 section 5.6.7; undefined for anything else, so the condition is ignored. */
export function parseHttpDate(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const text = value.trim();
  const modern = fixdate.exec(text);
  if (modern !== null) return fromFields(modern[3], modern[2], modern[1], modern.slice(4, 7));
  const old = rfc850.exec(text);
  if (old !== null) {
    // Two digits: 70-99 are of the last century. The form died before that could go wrong.
    const year = Number(old[3]);
    const full = String(year >= 70 ? 1900 + year : 2000 + year);
    return fromFields(full, old[2], old[1], old.slice(4, 7));
  }
  const c = asctime.exec(text);
  return c === null ? undefined : fromFields(c[6], c[1], c[2], c.slice(3, 6));
}

function fromFields(
  year: string | undefined,
  monthName: string | undefined,
  day: string | undefined,
  clock: readonly string[],
): number | undefined {
  const wanted = monthName?.toLowerCase();
  const month = months.findIndex((name) => name.toLowerCase() === wanted);
  const [hour = 0, minute = 0, second = 0] = clock.map(Number);
  if (month < 0 || hour > 23 || minute > 59 || second > 60) return undefined;
  const dayNumber = Number(day);
  const epochDay = daysFromCivil(Number(year), month + 1, dayNumber);
  // A day that the month does not have (31 Feb) moves on to another month: refuse it.
  const back = civilFromDays(epochDay);
  if (back.month !== month + 1 || back.day !== dayNumber) return undefined;
  return (epochDay * 86_400 + hour * 3600 + minute * 60 + second) * 1000;
}

let lastSecond = Number.NaN;
let lastText = '';

/** IMF-fixdate of a time in milliseconds since 1970, its fraction dropped. */
export function formatHttpDate(millis: number): string {
  const total = Math.floor(millis / 1000);
  // Replies of one second share their Date, and a hot object its Last-Modified.
  if (total === lastSecond) return lastText;
  const epochDay = Math.floor(total / 86_400);
  const rest = total - epochDay * 86_400;
  const { year, month, day } = civilFromDays(epochDay);
  const weekday = days[(((epochDay + 4) % 7) + 7) % 7] ?? '';
  const time = [Math.floor(rest / 3600), Math.floor(rest / 60) % 60, rest % 60].map(two).join(':');
  lastSecond = total;
  lastText = `${weekday}, ${two(day)} ${months[month - 1] ?? ''} ${String(year).padStart(4, '0')} ${time} GMT`;
  return lastText;
}

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}

/** The epoch was a Thursday; weekly reports come on Sundays, as Amazon's. */
const SUNDAY = 3;

/** When the next report is due, after `now`: at the turn of a day, or of a week. A day may be shortened for tests. */
export function nextReportAt(
  now: number,
  frequency: 'daily' | 'weekly',
  dayMillis: number,
): number {
  if (frequency === 'daily') return (Math.floor(now / dayMillis) + 1) * dayMillis;
  const week = 7 * dayMillis;
  const offset = SUNDAY * dayMillis;
  return (Math.floor((now - offset) / week) + 1) * week + offset;
}

/** What a write that is under way will add to an account's sums (decision 0026). */
export interface Reservation {
  readonly bytes: number;
  readonly objects: number;
  readonly policy: string;
  /** Milliseconds since 1970: whoever has not given it back by then never will. */
  readonly until: number;
}

/** At the first piece of a container with a quota: what writes that are under way will add. */
export interface ReservedRow {
  readonly reserved: Readonly<Record<string, Omit<Reservation, 'policy'>>>;
}

/** Longer than any commit takes; then a front that died in between is forgotten. */
export const RESERVED_MILLIS = 60_000;

export function liveReservations<R extends Pick<Reservation, 'until'>>(
  reserved: Readonly<Record<string, R>> | undefined,
  nowMillis: number,
): readonly [string, R][] {
  return Object.entries(reserved ?? {}).filter(([, { until }]) => until > nowMillis);
}

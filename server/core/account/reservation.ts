/** What a write that is under way will add to an account's sums (decision 0026). */
export interface Reservation {
  readonly bytes: number;
  readonly objects: number;
  readonly policy: string;
  /** Milliseconds since 1970: whoever has not given it back by then never will. */
  readonly until: number;
}

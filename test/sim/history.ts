/**
 * What clients saw of one key, and whether some order of their operations explains it: each takes
 * effect at one moment between its start and its end (an unknown one at any later moment, or never).
 */

/** The etag of the object that is there, a blank, and its metadata; undefined: none. */
export type KeyState = string | undefined;

export function stateOf(etag: string, metadata: string | undefined): string {
  return `${etag} ${metadata ?? ''}`;
}

function etagOf(state: KeyState): string | undefined {
  return state?.slice(0, state.indexOf(' '));
}

export type Operation =
  | { readonly type: 'read'; readonly seen: KeyState }
  | { readonly type: 'put'; readonly etag: string; readonly condition: PutCondition }
  /** Replaces the metadata of what is there. */
  | { readonly type: 'post'; readonly metadata: string }
  /** `seen`: what the answer said was deleted. */
  | { readonly type: 'delete'; readonly seen: KeyState }
  /** A deletion whose answer says at most whether something was there. */
  | { readonly type: 'remove'; readonly found: boolean | undefined };

export type PutCondition =
  | { readonly type: 'none' }
  | { readonly type: 'absent' }
  | { readonly type: 'match'; readonly etag: string };

export interface Event {
  readonly start: number;
  /** Infinity for an unknown outcome. */
  readonly end: number;
  /** `refused`: the condition did not hold. */
  readonly outcome: 'ok' | 'refused' | 'unknown';
  readonly operation: Operation;
}

function holds(condition: PutCondition, state: KeyState): boolean {
  if (condition.type === 'none') return true;
  if (condition.type === 'absent') return state === undefined;
  return etagOf(state) === condition.etag;
}

/** The state after the event, or 'impossible' when it cannot have happened in this state. */
function step(event: Event, state: KeyState): { readonly state: KeyState } | 'impossible' {
  const { operation, outcome } = event;
  if (operation.type === 'read') return operation.seen === state ? { state } : 'impossible';
  if (operation.type === 'delete') {
    if (outcome === 'ok' && operation.seen !== state) return 'impossible';
    return { state: undefined };
  }
  if (operation.type === 'remove') {
    const { found = state !== undefined } = operation;
    return found === (state !== undefined) ? { state: undefined } : 'impossible';
  }
  if (operation.type === 'post') {
    const etag = etagOf(state);
    if (outcome === 'refused') return etag === undefined ? { state } : 'impossible';
    return etag === undefined ? 'impossible' : { state: stateOf(etag, operation.metadata) };
  }
  const applies = holds(operation.condition, state);
  if (outcome === 'refused') return applies ? 'impossible' : { state };
  return applies ? { state: stateOf(operation.etag, undefined) } : 'impossible';
}

/** Steps of the search after which it gives up; none of the seeds comes near. */
const maxSteps = 300_000;

/** In which turn a search tries events: what never changes anything, what did happen, what may have happened. */
const turns = ['same', 'needed', 'unknown'] as const;

function turnOf({ outcome, operation }: Event): (typeof turns)[number] {
  if (outcome === 'unknown') return 'unknown';
  return operation.type === 'read' || outcome === 'refused' ? 'same' : 'needed';
}

/** Whether something is done, for each event, as short text: what differs between two searches is near its end. */
class DoneEvents {
  readonly #bits: Uint16Array;

  constructor(count: number) {
    this.#bits = new Uint16Array(Math.ceil(count / 16));
  }

  has(place: number): boolean {
    return (((this.#bits[place >> 4] ?? 0) >> (place & 15)) & 1) === 1;
  }

  flip(place: number): void {
    this.#bits[place >> 4] = (this.#bits[place >> 4] ?? 0) ^ (1 << (place & 15));
  }

  toString(): string {
    return String.fromCharCode(...this.#bits);
  }
}

/** `undecided` only when the search was too long. */
export function linearizable(history: readonly Event[]): 'yes' | 'no' | 'undecided' {
  const events = history
    .filter((event) => !(event.outcome === 'unknown' && event.operation.type === 'read'))
    .toSorted((a, b) => a.start - b.start);
  const needed = events.filter((event) => event.outcome !== 'unknown').length;
  const seen = new Set<string>();
  const done = new DoneEvents(events.length);
  let steps = 0;

  /** `from`: all events before it are done. */
  const search = (state: KeyState, left: number, from: number): boolean => {
    if (left === 0) return true;
    if (++steps > maxSteps) return false;
    let first = from;
    while (done.has(first)) first++;
    const place = `${done.toString()} ${state ?? ''}`;
    if (seen.has(place)) return false;
    seen.add(place);
    // Nothing may come before an event that had ended when it began.
    let earliestEnd = Number.POSITIVE_INFINITY;
    for (let i = first; i < events.length; i++) {
      const event = events[i];
      if (event === undefined || event.start > earliestEnd) break;
      if (!done.has(i)) earliestEnd = Math.min(earliestEnd, event.end);
    }
    const tryOne = (i: number, event: Event): boolean => {
      const next = step(event, state);
      if (next === 'impossible') return false;
      done.flip(i);
      if (search(next.state, left - (event.outcome === 'unknown' ? 0 : 1), first)) return true;
      done.flip(i);
      return false;
    };
    for (const turn of turns) {
      for (let i = first; i < events.length; i++) {
        const event = events[i];
        if (event === undefined || event.start > earliestEnd) break;
        if (turnOf(event) !== turn || done.has(i)) continue;
        if (tryOne(i, event)) return true;
        // What changes nothing, and may come now, may come now in any order that explains the rest.
        if (turn === 'same' && step(event, state) !== 'impossible') return false;
      }
    }
    return false;
  };
  if (search(undefined, needed, 0)) return 'yes';
  return steps > maxSteps ? 'undecided' : 'no';
}

export function describeHistory(history: readonly Event[]): string {
  return history
    .toSorted((a, b) => a.start - b.start)
    .map(({ start, end, outcome, operation }) => {
      const { type, ...rest } = operation;
      return `${start.toFixed(2)}..${end.toFixed(2)} ${type} ${JSON.stringify(rest)} ${outcome}`;
    })
    .join('\n');
}

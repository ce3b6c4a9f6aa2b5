/**
 * Reads one body. A healthy read touches data units only and never decodes; a range reads only the
 * units, and the sub-blocks, that it needs. A missing, bad or slow unit is replaced by decoding from
 * any k others, and reported. Every byte was verified before it is yielded.
 */
import type { Clock } from '../../base/clock.ts';
import { StoreError } from '../../base/errors.ts';
import { invariant } from '../../base/invariant.ts';
import { fragmentIndex } from '../../base/units.ts';
import type { Scheme } from '../../ring/policy.ts';
import { unitLength } from '../../storage/erasure/stripe.ts';
import type { FragmentId } from '../../storage/fragment/fragment.ts';
import type { StoredBody } from '../core/model.ts';
import type { LatencyTracker } from './latency.ts';
import type { Home, Place, Placement, Policy } from './placement.ts';
import type { StripesInFlight } from './stripes-in-flight.ts';
import { stripeLengthOf } from './stripes.ts';
import { readUnit, type UnitOutcome } from './unit.ts';

export interface ReadSettings {
  /** Stripes asked for ahead of the one being sent. */
  readonly readAheadStripes: number;
  /** Stripes of all reads together beyond which none reads ahead. */
  readonly stripesInFlight: number;
  /** A unit later than the recent p95, within these bounds, is no longer waited for alone. */
  readonly hedgeMinMillis: number;
  readonly hedgeMaxMillis: number;
}

/** A fragment that should be on a serving device and is not there, or is bad. */
export interface Damage {
  readonly objectId: string;
  readonly containerId: string;
  readonly stripe: number;
  readonly index: number;
  readonly place: Place;
  readonly reason: 'missing' | 'corrupt';
}

export interface ReadContext {
  readonly clock: Clock;
  readonly settings: ReadSettings;
  readonly latency: LatencyTracker;
  /** Shared by all reads of the process. */
  readonly inFlight: StripesInFlight;
  /** Told once per bad fragment met; must not throw. */
  readonly onDamage: (damage: Damage) => void;
}

export interface ReadJob {
  readonly stored: StoredBody;
  readonly policy: Policy;
  /** As they are now: asked for each stripe, since a long read may outlive a change of the ring. */
  readonly homes: () => readonly Home[];
  readonly search: Placement['search'];
}

/** Where bytes [start, end) of a stripe lie: one slice per data unit touched. */
interface Slice {
  readonly index: number;
  readonly offset: number;
  readonly length: number;
}

function slicesOf(unit: number, start: number, end: number): Slice[] {
  const slices: Slice[] = [];
  for (let index = Math.floor(start / unit); index * unit < end; index++) {
    const from = Math.max(start - index * unit, 0);
    const to = Math.min(end - index * unit, unit);
    slices.push({ index, offset: from, length: to - from });
  }
  return slices;
}

/** The reading of one stripe. */
class StripeRead {
  readonly #context: ReadContext;
  readonly #job: ReadJob;
  readonly #stripe: number;
  readonly #unit: number;
  readonly #homes: readonly Home[];
  /** Whole units under way or read, by fragment index. */
  readonly #whole = new Map<number, Promise<UnitOutcome>>();
  #containerId: string | undefined;
  readonly #damaged: Pick<Damage, 'index' | 'place' | 'reason'>[] = [];

  constructor(context: ReadContext, job: ReadJob, stripe: number) {
    this.#context = context;
    this.#job = job;
    this.#stripe = stripe;
    this.#homes = job.homes();
    const { stored } = job;
    this.#unit = unitLength(stripeLengthOf(stored, stripe), job.policy.scheme.k);
  }

  /** Bytes [start, end) of the stripe, in pieces. */
  async bytes(start: number, end: number): Promise<readonly Uint8Array[]> {
    const slices = slicesOf(this.#unit, start, end);
    const healthy = Promise.all(slices.map((slice) => this.#slice(slice)));
    const first = await this.#untilLate(healthy);
    if (first !== 'late' && first.every((outcome) => outcome.ok)) {
      return first.map((outcome) => {
        invariant(outcome.ok, 'every slice was read');
        return outcome.read.bytes;
      });
    }
    try {
      return await this.#decode(slices, healthy, first === 'late');
    } finally {
      this.#report();
    }
  }

  async #untilLate<T>(work: Promise<T>): Promise<T | 'late'> {
    const { clock, latency, settings } = this.#context;
    const p95 = latency.quantiles()?.p95 ?? settings.hedgeMaxMillis;
    const patience = Math.min(Math.max(2 * p95, settings.hedgeMinMillis), settings.hedgeMaxMillis);
    let cancel = (): void => undefined;
    const late = new Promise<'late'>((resolve) => {
      cancel = clock.after(patience, () => resolve('late'));
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      cancel();
    }
  }

  #slice(slice: Slice): Promise<UnitOutcome> {
    const isWhole = slice.offset === 0 && slice.length === this.#unit;
    if (isWhole) return this.#wholeUnit(slice.index);
    return this.#readUnit(slice.index, { offset: slice.offset, length: slice.length });
  }

  #wholeUnit(index: number): Promise<UnitOutcome> {
    let outcome = this.#whole.get(index);
    if (outcome === undefined) {
      outcome = this.#readUnit(index, undefined);
      this.#whole.set(index, outcome);
    }
    return outcome;
  }

  async #readUnit(
    index: number,
    range: { offset: number; length: number } | undefined,
  ): Promise<UnitOutcome> {
    const home = this.#homes[index];
    invariant(home !== undefined, 'every unit has a home');
    const { clock, latency } = this.#context;
    const started = clock.monotonic();
    const outcome = await readUnit(
      home,
      { id: this.#idOf(index), unitLength: this.#unit, range },
      (place) => this.#damage({ index, place, reason: 'corrupt' }),
    );
    if (outcome.ok) {
      latency.record(clock.monotonic() - started);
      this.#containerId ??= outcome.read.header.containerId;
    } else if (outcome.reason === 'missing') {
      this.#damage({ index, place: home, reason: 'missing' });
    }
    return outcome;
  }

  #idOf(index: number): FragmentId {
    const { objectId } = this.#job.stored;
    return { objectId, stripe: this.#stripe, index: fragmentIndex(index) };
  }

  #damage(damage: Pick<Damage, 'index' | 'place' | 'reason'>): void {
    const isKnown = this.#damaged.some(
      ({ index, place }) => index === damage.index && place.device === damage.place.device,
    );
    if (!isKnown) this.#damaged.push(damage);
  }

  /** Reads whole units until those asked for are there or can be decoded, and decodes what is missing. */
  async #decode(
    slices: readonly Slice[],
    healthy: Promise<readonly UnitOutcome[]>,
    isLate: boolean,
  ): Promise<readonly Uint8Array[]> {
    const wanted = slices.map((slice) => slice.index);
    const gathering = this.#gather(wanted, isLate);
    const work = Promise.race([gathering.units, healthyPieces(healthy)]);
    if (!isLate && (await this.#untilLate(work)) === 'late') gathering.hurry();
    const units = await work;
    if (!(units instanceof Map)) return units;
    const { codec, scheme } = this.#job.policy;
    const missing = wanted.filter((index) => !units.has(index));
    const places = Array.from({ length: scheme.k + scheme.m }, (_, index) => units.get(index));
    const rebuilt = missing.length === 0 ? [] : await codec.reconstruct(places, missing);
    return slices.map((slice) => {
      const unit = units.get(slice.index) ?? rebuilt[missing.indexOf(slice.index)];
      invariant(unit !== undefined, 'a slice is read or rebuilt');
      return unit.subarray(slice.offset, slice.offset + slice.length);
    });
  }

  /**
   * Whole units that give the wanted ones. While nothing is late only those that the codec plans
   * with are read, then all: the fastest that suffice win, wanted ones of slow devices included if they
   * arrive first. Rejects when too few can be had.
   */
  #gather(wanted: readonly number[], isLate: boolean): Gathering {
    const { codec, scheme } = this.#job.policy;
    const units = new Map<number, Uint8Array>();
    const failed = new Map<number, string>();
    const asked = new Set<number>();
    const { promise, resolve, reject } = Promise.withResolvers<Map<number, Uint8Array>>();
    let readsAll = isLate;
    let searching: Promise<void> | undefined;
    const advance = (): void => {
      if (codec.plan([...units.keys()], wanted) !== undefined) {
        resolve(units);
        return;
      }
      const usable = everyIndex(scheme).filter((index) => !failed.has(index));
      const plan = codec.plan(usable, wanted);
      if (plan === undefined) {
        // What was seen of the ring may be old: the fragments may be where nobody looked.
        searching ??= this.#searchFor([...failed.keys()], units).then(() => {
          if (codec.plan([...units.keys()], wanted) !== undefined) resolve(units);
          else reject(this.#tooFew([...failed.values()]));
        }, reject);
        return;
      }
      const needed = [...plan, ...wanted.filter((index) => !failed.has(index))];
      for (const index of readsAll ? usable : needed) ask(index);
    };
    const ask = (index: number): void => {
      if (asked.has(index)) return;
      asked.add(index);
      this.#wholeUnit(index).then((outcome) => {
        if (outcome.ok) units.set(index, outcome.read.bytes);
        else failed.set(index, outcome.reason);
        advance();
      }, reject);
    };
    advance();
    return {
      units: promise,
      hurry: () => {
        readsAll = true;
        advance();
      },
    };
  }

  async #searchFor(indexes: readonly number[], units: Map<number, Uint8Array>): Promise<void> {
    const places = await this.#job.search(indexes.map((index) => this.#idOf(index)));
    for (const [i, place] of places.entries()) {
      const index = indexes[i];
      if (place === undefined || index === undefined) continue;
      const want = { id: this.#idOf(index), unitLength: this.#unit };
      const outcome = await readUnit({ ...place, index, others: [] }, want);
      if (outcome.ok) units.set(index, outcome.read.bytes);
    }
  }

  #tooFew(reasons: readonly string[]): StoreError {
    const { stored, policy } = this.#job;
    const kind = reasons.includes('away') ? 'unavailable' : 'corrupt';
    return new StoreError(
      kind,
      'body.read',
      `stripe ${this.#stripe} of ${stored.objectId} has too few good fragments for ${policy.name} (${reasons.join(', ')})`,
    );
  }

  #report(): void {
    const containerId = this.#containerId;
    if (containerId === undefined) return;
    const { objectId } = this.#job.stored;
    for (const damage of this.#damaged) {
      this.#context.onDamage({ objectId, containerId, stripe: this.#stripe, ...damage });
    }
  }
}

/** Units on their way. */
interface Gathering {
  readonly units: Promise<Map<number, Uint8Array>>;
  /** What was asked for is late: everything else is asked for too. */
  hurry(): void;
}

function everyIndex({ k, m }: Scheme): readonly number[] {
  return Array.from({ length: k + m }, (_, index) => index);
}

/** The slices themselves, if they all come good after all; otherwise never settles. */
function healthyPieces(healthy: Promise<readonly UnitOutcome[]>): Promise<readonly Uint8Array[]> {
  return new Promise((resolve) => {
    healthy.then(
      (outcomes) => {
        const pieces = outcomes.flatMap((outcome) => (outcome.ok ? [outcome.read.bytes] : []));
        if (pieces.length === outcomes.length) resolve(pieces);
      },
      () => undefined, // the whole-unit reads meet the same error and report it
    );
  });
}

/** See BodyStore.read. */
export async function* readBody(
  context: ReadContext,
  job: ReadJob,
  range: { readonly start: number; readonly end: number },
): AsyncGenerator<Uint8Array> {
  const { stored } = job;
  invariant(range.start >= 0 && range.end <= stored.size, 'the range lies inside the body');
  if (range.start >= range.end) return;
  const firstStripe = Math.floor(range.start / stored.stripeBytes);
  const lastStripe = Math.floor((range.end - 1) / stored.stripeBytes);
  const { inFlight, settings } = context;
  const ahead: Promise<readonly Uint8Array[]>[] = [];
  let held = 0;
  const ask = (stripe: number): void => {
    inFlight.take();
    held++;
    const base = stripe * stored.stripeBytes;
    const bytes = new StripeRead(context, job, stripe).bytes(
      Math.max(range.start - base, 0),
      Math.min(range.end - base, stored.stripeBytes),
    );
    // A read-ahead that nobody comes to fetch (the client went away) must not become an unhandled rejection.
    bytes.catch(() => undefined);
    ahead.push(bytes);
  };
  let next = firstStripe;
  try {
    for (;;) {
      while (next <= lastStripe && ahead.length <= settings.readAheadStripes) {
        if (ahead.length > 0 && !inFlight.mayGrow) break;
        ask(next++);
      }
      const pieces = await ahead.shift();
      if (pieces === undefined) return;
      if (next <= lastStripe && inFlight.mayGrow) ask(next++);
      yield* pieces;
      inFlight.give(1);
      held--;
    }
  } finally {
    inFlight.give(held);
  }
}

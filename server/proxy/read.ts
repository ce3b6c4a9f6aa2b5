/**
 * Reads one body. A healthy read touches data units only and never decodes; a range reads only the
 * units, and the sub-blocks, that it needs. A missing, bad or slow unit is replaced by decoding from
 * any k others, and reported. Every byte was verified before it is yielded.
 */
import type { Clock } from '../../base/clock.ts';
import { isStoreError, StoreError, toStoreError } from '../../base/errors.ts';
import { invariant } from '../../base/invariant.ts';
import { fragmentIndex } from '../../base/units.ts';
import type { Scheme } from '../../ring/policy.ts';
import type { Codec } from '../../storage/erasure/codec.ts';
import { unitLength } from '../../storage/erasure/stripe.ts';
import type { FragmentRead } from '../../storage/fragment/fragment.ts';
import type { StoredBody } from '../core/model.ts';
import type { LatencyTracker } from './latency.ts';
import type { Home, Policy } from './placement.ts';
import type { StripesInFlight } from './stripes-in-flight.ts';

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
  readonly home: Home;
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
  readonly homes: readonly Home[];
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

type Outcome =
  | { readonly ok: true; readonly read: FragmentRead }
  | { readonly ok: false; readonly reason: 'missing' | 'corrupt' | 'away' };

/** The reading of one stripe. */
class StripeRead {
  readonly #context: ReadContext;
  readonly #job: ReadJob;
  readonly #stripe: number;
  readonly #unit: number;
  /** Whole units under way or read, by fragment index. */
  readonly #whole = new Map<number, Promise<Outcome>>();
  #containerId: string | undefined;
  readonly #damaged: { index: number; reason: 'missing' | 'corrupt' }[] = [];

  constructor(context: ReadContext, job: ReadJob, stripe: number) {
    this.#context = context;
    this.#job = job;
    this.#stripe = stripe;
    const { stored } = job;
    const length = Math.min(stored.stripeBytes, stored.size - stripe * stored.stripeBytes);
    this.#unit = unitLength(length, job.policy.scheme.k);
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

  #slice(slice: Slice): Promise<Outcome> {
    const isWhole = slice.offset === 0 && slice.length === this.#unit;
    if (isWhole) return this.#wholeUnit(slice.index);
    return this.#readUnit(slice.index, { offset: slice.offset, length: slice.length });
  }

  #wholeUnit(index: number): Promise<Outcome> {
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
  ): Promise<Outcome> {
    const store = this.#job.homes[index]?.store;
    if (store === undefined) return { ok: false, reason: 'away' };
    const { clock, latency } = this.#context;
    const id = {
      objectId: this.#job.stored.objectId,
      stripe: this.#stripe,
      index: fragmentIndex(index),
    };
    const started = clock.monotonic();
    try {
      const read = await store.read(id, range);
      latency.record(clock.monotonic() - started);
      if (read === undefined) return this.#damage(index, 'missing');
      this.#containerId ??= read.header.containerId;
      if (read.header.unitLength !== this.#unit) return this.#damage(index, 'corrupt');
      return { ok: true, read };
    } catch (error) {
      if (isStoreError(error, 'corrupt')) return this.#damage(index, 'corrupt');
      if (isStoreError(error)) return { ok: false, reason: 'away' };
      throw toStoreError(error, 'body.read');
    }
  }

  #damage(index: number, reason: 'missing' | 'corrupt'): Outcome {
    if (!this.#damaged.some((known) => known.index === index)) {
      this.#damaged.push({ index, reason });
    }
    return { ok: false, reason };
  }

  /** Reads whole units until those asked for are there or can be decoded, and decodes what is missing. */
  async #decode(
    slices: readonly Slice[],
    healthy: Promise<readonly Outcome[]>,
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
    const advance = (): void => {
      if (codec.plan([...units.keys()], wanted) !== undefined) {
        resolve(units);
        return;
      }
      const usable = everyIndex(scheme).filter((index) => !failed.has(index));
      const plan = codec.plan(usable, wanted);
      if (plan === undefined) {
        reject(this.#tooFew([...failed.values()]));
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
    for (const { index, reason } of this.#damaged) {
      const home = this.#job.homes[index];
      invariant(home !== undefined, 'only homes are read');
      this.#context.onDamage({ objectId, containerId, stripe: this.#stripe, home, reason });
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
function healthyPieces(healthy: Promise<readonly Outcome[]>): Promise<readonly Uint8Array[]> {
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

/** What a repair reads for: units `wanted` of one stripe. */
export interface RepairRead {
  readonly stored: StoredBody;
  readonly stripe: number;
  readonly codec: Codec;
  readonly unitLength: number;
  /** Ascending fragment indexes. */
  readonly wanted: readonly number[];
}

/**
 * For repair: whole verified units of one stripe, those that the codec asks for to give the wanted
 * ones; places not read are undefined. A unit that turns out bad is planned around. Throws
 * `unavailable` or `corrupt` when too few can be had.
 */
export async function readForRepair(
  homes: readonly Home[],
  want: RepairRead,
): Promise<(Uint8Array | undefined)[]> {
  const units: (Uint8Array | undefined)[] = homes.map(() => undefined);
  const others = homes.filter((home) => !want.wanted.includes(home.index));
  let away = others.some((home) => home.store === undefined);
  let usable = others.filter((home) => home.store !== undefined);
  for (;;) {
    const plan = want.codec.plan(
      usable.map((home) => home.index),
      want.wanted,
    );
    if (plan === undefined) throw tooFewForRepair(want, usable.length, away);
    const unread = usable.filter(
      (home) => plan.includes(home.index) && units[home.index] === undefined,
    );
    if (unread.length === 0) return units;
    const read = await Promise.all(unread.map((home) => readUnit(home, want)));
    for (const [place, home] of unread.entries()) {
      const found = read[place];
      if (found instanceof Uint8Array) units[home.index] = found;
      else usable = usable.filter((other) => other !== home);
      if (found === 'away') away = true;
    }
  }
}

async function readUnit(home: Home, want: RepairRead): Promise<Uint8Array | 'away' | 'bad'> {
  const { stored, stripe, unitLength: length } = want;
  const id = { objectId: stored.objectId, stripe, index: fragmentIndex(home.index) };
  try {
    const read = await home.store?.read(id);
    return read?.header.unitLength === length ? read.bytes : 'bad';
  } catch (error) {
    if (!isStoreError(error)) throw error;
    return error.kind === 'corrupt' ? 'bad' : 'away';
  }
}

function tooFewForRepair(want: RepairRead, good: number, away: boolean): StoreError {
  return new StoreError(
    away ? 'unavailable' : 'corrupt',
    'body.repair',
    `stripe ${want.stripe} of ${want.stored.objectId} has ${good} good fragments, too few to rebuild ${want.wanted.join(', ')}`,
  );
}

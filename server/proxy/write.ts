/**
 * Writes one body: stripes are encoded and appended to the partition's homes, then everything is
 * synced. Invariants: success means synced on at least k + ceil(m/2) devices (design.md section 1.3);
 * at most two stripes are in flight; a device that fails or lags is left behind for the rest of
 * this body and its fragment index is reported as missing.
 */
import { concatBytes, emptyBytes } from '../../base/bytes.ts';
import type { Clock } from '../../base/clock.ts';
import { isStoreError, StoreError, toStoreError } from '../../base/errors.ts';
import { invariant } from '../../base/invariant.ts';
import { receivedMemory } from '../../base/memory/received-memory.ts';
import { fragmentIndex } from '../../base/units.ts';
import { writeQuorum } from '../../ring/policy.ts';
import { splitStripe } from '../../storage/erasure/stripe.ts';
import type { StripeBuffer, StripeMemory } from '../../storage/erasure/stripe-memory.ts';
import type { StoredBody } from '../core/model.ts';
import type { BodyTarget } from '../core/ports.ts';
import type { LatencyTracker } from './latency.ts';
import { codeOf, type Home, type Policy } from './placement.ts';
import type { StripesInFlight } from './stripes-in-flight.ts';

export interface WriteSettings {
  /** Object bytes in one stripe (1 MiB). */
  readonly stripeBytes: number;
  /** Stripes of all writes together beyond which each has only one in flight. */
  readonly stripesInFlight: number;
  /** Patience with a laggard once the quorum is there: three times the recent p99, within these bounds. */
  readonly patienceMinMillis: number;
  readonly patienceMaxMillis: number;
  /** Dirty bytes (of object data) after which a sync runs beside the upload, so that the last sync is short. */
  readonly syncEveryBytes: number;
}

export interface WriteContext {
  readonly clock: Clock;
  readonly settings: WriteSettings;
  readonly latency: LatencyTracker;
  /** Shared by all writes of the process. */
  readonly inFlight: StripesInFlight;
}

export interface WriteJob {
  readonly target: BodyTarget;
  readonly policy: Policy;
  readonly homes: readonly Home[];
  readonly objectId: string;
  readonly partition: number;
  /** Of the policy's shape, for stripes of `settings.stripeBytes`. */
  readonly memory: StripeMemory;
}

/** A stripe that is ready to be written. */
interface EncodedStripe {
  /** k data units, then m of parity. */
  readonly units: readonly Uint8Array[];
  /** Where they lie, to be given back when no device reads them any more; undefined: plain memory. */
  readonly buffer: StripeBuffer | undefined;
}

/** One device's side of the upload: its calls run one after the other, apart from the other devices'. */
class Lane {
  readonly home: Home;
  #tail: Promise<unknown> = Promise.resolve();
  error: StoreError | undefined;

  constructor(home: Home) {
    this.home = home;
    if (home.store === undefined) {
      this.error = new StoreError('unavailable', 'body.write', 'the device is away');
    }
  }

  get alive(): boolean {
    return this.error === undefined;
  }

  fail(error: unknown): void {
    this.error ??= toStoreError(error, 'body.write');
  }

  /** Queues one step; a failed lane does nothing more. Never rejects. */
  run(step: () => Promise<void>): Promise<void> {
    const done = this.#tail.then(async () => {
      if (!this.alive) return;
      try {
        await step();
      } catch (error) {
        this.fail(error);
      }
    });
    this.#tail = done;
    return done;
  }
}

class BodyWriter {
  readonly #context: WriteContext;
  readonly #job: WriteJob;
  readonly #lanes: readonly Lane[];
  readonly #quorum: number;
  readonly #createdAt: number;
  #size = 0;
  #stripe = 0;
  #dirty = 0;
  readonly #inFlight: Promise<void>[] = [];

  constructor(context: WriteContext, job: WriteJob) {
    this.#context = context;
    this.#job = job;
    this.#lanes = job.homes.map((home) => new Lane(home));
    this.#quorum = writeQuorum(job.policy.scheme);
    this.#createdAt = context.clock.now();
  }

  /** `pieces` are the bytes of one stripe, `length` together: full except for the last one. They are copied and given up, or handed over. */
  async add(pieces: readonly Uint8Array[], length: number): Promise<void> {
    this.#assertQuorum();
    const { inFlight } = this.#context;
    while (this.#inFlight.length >= (inFlight.mayGrow ? 2 : 1)) await this.#inFlight.shift();
    const { units, buffer } = await this.#encode(pieces, length);
    const number = this.#stripe++;
    this.#size += length;
    this.#dirty += length;
    const syncNow = this.#dirty >= this.#context.settings.syncEveryBytes;
    if (syncNow) this.#dirty = 0;
    const steps = this.#lanes.map((lane) => {
      const unit = units[lane.home.index];
      invariant(unit !== undefined, 'every home has a unit');
      return lane.run(() => this.#append(lane, { number, length, unit, syncNow }));
    });
    // A laggard that is not waited for still reads its unit: the buffer stays lent until it ends.
    if (buffer !== undefined) void Promise.all(steps).then(() => buffer.release());
    inFlight.take();
    this.#inFlight.push(this.#settle(steps).finally(() => inFlight.give(1)));
    // Among many, an upload holds a stripe or gathers the next one, not both.
    if (!inFlight.mayGrow) await this.#inFlight.shift();
  }

  /**
   * Into lent memory: nothing is allocated and, in the kernel's own, the codec copies nothing.
   * When all of it is lent (many uploads, or laggards that never end), into memory of its own.
   */
  async #encode(pieces: readonly Uint8Array[], length: number): Promise<EncodedStripe> {
    const { policy, memory } = this.#job;
    const buffer = memory.lease();
    if (buffer === undefined) {
      const whole = concatBytes(pieces);
      const data = splitStripe(whole, policy.scheme.k);
      // A piece that is alone is the stripe itself.
      if (pieces.length > 1) for (const piece of pieces) receivedMemory.giveUp(piece);
      return { units: [...data, ...(await policy.codec.encode(data))], buffer: undefined };
    }
    let at = 0;
    for (const piece of pieces) {
      buffer.bytes.set(piece, at);
      at += piece.length;
      receivedMemory.giveUp(piece);
    }
    const { data, parity } = buffer.cut(length);
    await policy.codec.encodeInto(data, parity);
    return { units: [...data, ...parity], buffer };
  }

  async #append(
    lane: Lane,
    piece: { number: number; length: number; unit: Uint8Array; syncNow: boolean },
  ): Promise<void> {
    const { store, index } = lane.home;
    if (store === undefined) return;
    const { scheme } = this.#job.policy;
    const { target, objectId } = this.#job;
    await store.append([
      {
        header: {
          objectId,
          stripe: piece.number,
          index: fragmentIndex(index),
          k: scheme.k,
          m: scheme.m,
          ...codeOf(scheme),
          stripeLength: piece.length,
          unitLength: piece.unit.length,
          containerId: target.containerId,
          key: target.key,
          createdAt: this.#createdAt,
        },
        unit: piece.unit,
      },
    ]);
    if (piece.syncNow) await store.commit();
  }

  /** Waits for all lanes; once a quorum is through, only a little longer for the others. */
  async #settle(steps: readonly Promise<void>[]): Promise<void> {
    const { clock, latency, settings } = this.#context;
    const started = clock.monotonic();
    const all = Promise.all(steps);
    let finished = 0;
    const done = new Set<Lane>();
    const quorumReached = new Promise<void>((resolve) => {
      for (const [position, step] of steps.entries()) {
        void step.then(() => {
          const lane = this.#lanes[position];
          if (lane?.alive) {
            done.add(lane);
            finished++;
            latency.record(clock.monotonic() - started);
          }
          if (finished >= this.#quorum) resolve();
        });
      }
    });
    await Promise.race([all, quorumReached]);
    if (this.#lanes.every((lane) => !lane.alive || done.has(lane))) return;
    const wanted = 3 * (latency.quantiles()?.p99 ?? settings.patienceMinMillis);
    const patience = Math.min(
      Math.max(wanted, settings.patienceMinMillis),
      settings.patienceMaxMillis,
    );
    let cancel = (): void => undefined;
    const impatient = new Promise<void>((resolve) => {
      cancel = clock.after(patience, resolve);
    });
    await Promise.race([all, impatient]);
    cancel();
    for (const lane of this.#lanes) {
      if (!lane.alive || done.has(lane)) continue;
      if (this.#lanes.filter((other) => other.alive).length <= this.#quorum) break;
      lane.fail(new StoreError('timeout', 'body.write', 'the device lags behind the others'));
    }
    // A lane without which there is no quorum is waited for, however slow it is.
    if (this.#lanes.some((lane) => lane.alive && !done.has(lane))) await all;
  }

  async finish(): Promise<StoredBody> {
    await Promise.all(this.#inFlight);
    const commits = this.#lanes.map((lane) =>
      lane.run(async () => {
        await lane.home.store?.commit();
      }),
    );
    await this.#settle(commits);
    this.#assertQuorum();
    return {
      objectId: this.#job.objectId,
      policy: this.#job.policy.name,
      partition: this.#job.partition,
      ring: this.#job.policy.ring.version,
      size: this.#size,
      stripeBytes: this.#context.settings.stripeBytes,
      missing: this.#lanes.filter((lane) => !lane.alive).map((lane) => lane.home.index),
    };
  }

  #assertQuorum(): void {
    const alive = this.#lanes.filter((lane) => lane.alive);
    if (alive.length >= this.#quorum) return;
    const errors = this.#lanes.flatMap((lane) => (lane.error === undefined ? [] : [lane.error]));
    const full = errors.some((error) => isStoreError(error, 'full'));
    throw new StoreError(
      full ? 'full' : 'unavailable',
      'body.write',
      `${alive.length} of ${this.#lanes.length} devices took the bytes, ${this.#quorum} are needed`,
      { cause: errors[0] },
    );
  }

  /** Removes what was written, after the calls under way; failures leave orphans for the sweeper. */
  abandon(): Promise<unknown> {
    return Promise.all(
      this.#lanes.map((lane) =>
        lane.run(async () => {
          await lane.home.store?.remove(this.#job.objectId);
        }),
      ),
    );
  }
}

/** The bytes of one stripe as they came, `length` together. */
export interface StripePieces {
  readonly pieces: readonly Uint8Array[];
  readonly length: number;
}

/** Cuts a stream of chunks into stripes of exactly `size` bytes (the last one shorter), copying nothing. */
export async function* stripesOf(
  body: AsyncIterable<Uint8Array>,
  size: number,
): AsyncGenerator<StripePieces> {
  let pieces: Uint8Array[] = [];
  let filled = 0;
  for await (const chunk of body) {
    let rest = chunk;
    while (filled + rest.length >= size) {
      const count = size - filled;
      pieces.push(rest.subarray(0, count));
      const isLast = count === rest.length;
      yield { pieces, length: size };
      pieces = [];
      filled = 0;
      // Whoever took the stripe may have given the chunk's memory up with its last byte.
      rest = isLast ? emptyBytes : rest.subarray(count);
    }
    if (rest.length > 0) {
      pieces.push(rest);
      filled += rest.length;
    }
  }
  if (filled > 0) yield { pieces, length: filled };
}

/** See BodyStore.write. On any error the fragments are removed again, as far as devices answer. */
export async function writeBody(
  context: WriteContext,
  job: WriteJob,
  body: AsyncIterable<Uint8Array>,
): Promise<StoredBody> {
  const writer = new BodyWriter(context, job);
  try {
    for await (const { pieces, length } of stripesOf(body, context.settings.stripeBytes)) {
      await writer.add(pieces, length);
    }
    return await writer.finish();
  } catch (error) {
    void writer.abandon();
    throw error;
  }
}

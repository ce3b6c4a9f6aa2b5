/**
 * Access logs: lines gathered in memory by bucket, delivered as objects into the bucket that its
 * configuration names (decision 0024). A batch goes out when it is large or old enough, and when the
 * server stops; a crash loses at most the batches not delivered yet, as Amazon's own delivery may.
 */
import { toHex } from '../../../base/bytes.ts';
import type { Clock } from '../../../base/clock.ts';
import { StoreError, isStoreError, toStoreError } from '../../../base/errors.ts';
import type { Logger } from '../../../base/log.ts';
import type { Random } from '../../../base/random.ts';
import type { Core } from '../../core/api.ts';
import type { RequestContext } from '../../core/request.ts';
import { anonymous } from '../auth/identity.ts';
import type { LoggingRule } from './configuration.ts';
import { mayDeliver } from './service.ts';

export interface LogSource {
  readonly rule: LoggingRule;
  readonly account: string;
  readonly bucket: string;
  /** Stands in partitioned names. */
  readonly ownerId: string;
  readonly region: string;
}

export interface AccessLogSettings {
  /** A line waits this long at most, while its bucket can be written. */
  readonly flushMillis: number;
  /** A batch this large goes out at once. */
  readonly batchBytes: number;
  /** What waits in all; beyond that lines are dropped and counted. */
  readonly totalBytes: number;
}

interface Batch {
  readonly source: LogSource;
  /** Day of the events, for names by event time. */
  readonly day: string;
  readonly lines: string[];
  bytes: number;
  tries: number;
}

/** After that many failed deliveries, an hour by default, a batch is given up. */
const MAX_TRIES = 12;

export class AccessLog {
  readonly #core: Core;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #logger: Logger;
  readonly #settings: AccessLogSettings;
  readonly #batches = new Map<string, Batch>();
  #bytes = 0;
  #cancel: (() => void) | undefined;
  #work: Promise<void> = Promise.resolve();
  /** Lines that were given up since the start. */
  dropped = 0;

  constructor(parts: {
    readonly core: Core;
    readonly clock: Clock;
    readonly random: Random;
    readonly logger: Logger;
    readonly settings: AccessLogSettings;
  }) {
    this.#core = parts.core;
    this.#clock = parts.clock;
    this.#random = parts.random;
    this.#logger = parts.logger;
    this.#settings = parts.settings;
  }

  /** Never waits and never throws. */
  add(source: LogSource, line: string, atMillis: number): void {
    const bytes = Buffer.byteLength(line) + 1;
    if (this.#bytes + bytes > this.#settings.totalBytes) {
      this.dropped++;
      return;
    }
    const day = dayOf(atMillis);
    const { rule, account, bucket } = source;
    const byDay = rule.format === 'event-time' ? day : '';
    const key = JSON.stringify([account, bucket, rule.targetBucket, rule.targetPrefix, byDay]);
    const batch = this.#batches.get(key) ?? { source, day, lines: [], bytes: 0, tries: 0 };
    this.#batches.set(key, batch);
    batch.lines.push(line);
    batch.bytes += bytes;
    this.#bytes += bytes;
    if (batch.bytes >= this.#settings.batchBytes) this.#take(key, batch);
    else this.#cancel ??= this.#clock.after(this.#settings.flushMillis, () => this.#due());
  }

  #due(): void {
    this.#cancel = undefined;
    for (const [key, batch] of this.#batches) this.#take(key, batch);
  }

  /** Out of what is gathered, and on its way; deliveries follow one another. */
  #take(key: string, batch: Batch): void {
    this.#batches.delete(key);
    this.#work = this.#work.then(() => this.#deliver(key, batch));
  }

  /** Resolves when everything that was added has been delivered, or given up. */
  async flush(): Promise<void> {
    this.#cancel?.();
    this.#due();
    await this.#work;
  }

  async #deliver(key: string, batch: Batch): Promise<void> {
    try {
      await this.#write(batch);
      this.#bytes -= batch.bytes;
    } catch (thrown) {
      this.#failed(key, batch, thrown);
    }
  }

  async #write({ source, day, lines }: Batch): Promise<void> {
    const { rule } = source;
    const target = await this.#targetOf(source);
    const bytes = Buffer.from(`${lines.join('\n')}\n`, 'utf8');
    const unique = toHex(this.#random.bytes(8)).toUpperCase();
    await this.#core.putObject(deliverer(target), {
      account: target,
      container: rule.targetBucket,
      key: rule.targetPrefix + nameOf(source, { day, now: this.#clock.now(), unique }),
      body: { chunks: once(bytes), size: bytes.length },
      contentType: 'text/plain',
      system: {},
      user: {},
      condition: {},
    });
  }

  /** Whose bucket the logs go to, if its policy (still) lets them. */
  async #targetOf(source: LogSource): Promise<string> {
    const { rule } = source;
    const op = 's3.access-log';
    const target = await this.#core.peekContainer(anonymous, rule.targetBucket);
    if (target === undefined) {
      throw new StoreError('no-such-container', op, 'the target bucket is gone');
    }
    if (await mayDeliver(this.#core, source, rule)) return target.account;
    throw new StoreError('access-denied', op, 'the policy of the target bucket refuses logs');
  }

  #failed(key: string, batch: Batch, thrown: unknown): void {
    const { kind, message } = toStoreError(thrown, 's3.access-log');
    const { bucket, rule } = batch.source;
    batch.tries++;
    const isHopeless = isStoreError(thrown, 'no-such-container') || batch.tries >= MAX_TRIES;
    const outcome = isHopeless ? 'given-up' : 'later';
    this.#logger.warn(
      { event: `s3.access-log-${outcome}`, bucket, target: rule.targetBucket, kind, message },
      'A batch of the access log was not delivered.',
    );
    const later = this.#batches.get(key);
    if (isHopeless) {
      this.dropped += batch.lines.length;
      this.#bytes -= batch.bytes;
      return;
    }
    // What came meanwhile goes behind.
    if (later !== undefined) {
      batch.lines.push(...later.lines);
      batch.bytes += later.bytes;
    }
    this.#batches.set(key, batch);
    this.#cancel ??= this.#clock.after(this.#settings.flushMillis, () => this.#due());
  }

  /** Delivers what there is; nothing is to be added any more. */
  async close(): Promise<void> {
    await this.flush();
    this.#cancel?.();
  }
}

/** Log objects are the target's own, whoever was logged. */
function deliverer(account: string): RequestContext {
  return { principal: { type: 'user', account, user: 'access-log', role: 'owner' } };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  await Promise.resolve();
  yield bytes;
}

function dayOf(millis: number): string {
  return new Date(millis).toISOString().slice(0, 10);
}

function nameOf(
  source: LogSource,
  at: { readonly day: string; readonly now: number; readonly unique: string },
): string {
  const { rule, ownerId, region, bucket } = source;
  const delivered = new Date(at.now).toISOString().slice(0, 19).replace(/[T:]/g, '-');
  if (rule.format === undefined || rule.format === 'simple') return `${delivered}-${at.unique}`;
  const stamp = rule.format === 'event-time' ? `${at.day}-00-00-00` : delivered;
  const day = stamp.slice(0, 10).replaceAll('-', '/');
  return `${ownerId}/${region}/${bucket}/${day}/${stamp}-${at.unique}`;
}

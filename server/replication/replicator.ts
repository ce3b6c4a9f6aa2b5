/**
 * Brings the versions of containers with replication rules to another store (decision 0023). The
 * version's own row says what is still to be done, so that a repeated, or a lost, event does no harm.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import { isStoreError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Core, ObjectReader } from '../core/api.ts';
import type { RequestContext } from '../core/request.ts';
import type { Commands } from '../core/commands.ts';
import { newestMarker } from '../core/decide/version-chain.ts';
import { markOf } from '../core/feed/mark.ts';
import { TAGS } from '../core/metadata.ts';
import { type ContainerRow, type Feed, type VersionRow, versionIdOf } from '../core/model.ts';
import type { RowStore } from '../core/ports.ts';
import type { Taken } from '../feeds/deliver.ts';
import type { Backlog, PendingEvent } from '../feeds/source.ts';
import { walkOf } from '../feeds/walk.ts';
import type { Consumer } from '../feeds/worker.ts';
import { taggingDocument } from './object-request.ts';
import { checkReply, documentOf, SENDING, sendObject } from './send-object.ts';
import type { Store } from './store-client.ts';
import { type UnsentVersion, unsentVersions, type Which } from './waiting.ts';

export interface ReplicatorParts {
  readonly core: Core;
  readonly rows: RowStore;
  readonly client: Store;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What is still to be done, and for whom. */
interface Job {
  readonly container: ContainerRow;
  readonly containerId: string;
  readonly rule: Feed;
  readonly key: string;
  readonly row: Pick<VersionRow, 'version' | 'isNull' | 'kind' | 'replication'>;
  /** Only its tags changed since it was sent. */
  readonly isTagging: boolean;
}

type Outcome = Pick<Commands['replication.note']['args'], 'status' | 'replica' | 'retry'>;

interface Retry {
  readonly event: PendingEvent['event'];
  readonly refusals: number;
  /** undefined: it has been tried often enough. */
  readonly pauseMillis: number | undefined;
}

const MINUTE_MILLIS = 60_000;
/** What another store refuses (rights, a bucket that is not there, a quota) is mostly put right by a person: within the hour, or within the week. */
const PAUSE_MINUTES: readonly number[] = [1, 5, 30, 120, 360, 1440, 1440, 1440, 1440, 1440, 1440];

/** When what has been refused so often, and is refused now, is to be tried again. */
function retryAfter({ event }: Pick<PendingEvent, 'event'>, refusals: number): Retry {
  const minutes = PAUSE_MINUTES[refusals];
  const pauseMillis = minutes === undefined ? undefined : minutes * MINUTE_MILLIS;
  return { event, refusals: refusals + 1, pauseMillis };
}

type Progress = Pick<VersionRow, 'replication'>;

function isWaiting({ replication }: Progress, feedId: string): boolean {
  return replication?.waiting?.includes(feedId) === true;
}

function isUnsent(row: Progress, feedId: string): boolean {
  return isWaiting(row, feedId) || row.replication?.refused?.includes(feedId) === true;
}

function isThere({ replication }: Progress, feedId: string): boolean {
  return replication?.status === 'completed' || replication?.replicas?.[feedId] !== undefined;
}

export class Replicator implements Consumer {
  readonly target: string;
  readonly #parts: ReplicatorParts;

  constructor(parts: ReplicatorParts) {
    this.#parts = parts;
    this.target = parts.client.settings.name;
  }

  async take(feed: Backlog, event: PendingEvent): Promise<Taken> {
    const { containerId, key, version } = event;
    const place = await this.#place(feed);
    const row = place === undefined ? undefined : await this.#row(containerId, key, version);
    if (place === undefined || row === undefined) return 'taken';
    const isTagging = event.event.startsWith('tagging:');
    const job = { ...place, containerId, key, row, isTagging };
    if (event.refusals !== undefined) await this.#again(job, event, event.refusals);
    else if (isWaiting(row, markOf(place.rule))) {
      if (await this.#isAhead(job, row)) await this.#again(job, event, 0);
      else await this.#replicate(job, retryAfter(event, 0));
    }
    return 'taken';
  }

  /** Whether the version before it still waits: in the feed of the piece that its key went over from. */
  async #isAhead({ container, containerId, key, rule }: Job, row: VersionRow): Promise<boolean> {
    const { older: version } = row;
    if (container.piece === undefined || version === undefined) return false;
    const older = await this.#parts.rows.get('version', { containerId, key, version });
    return older !== undefined && isWaiting(older, markOf(rule));
  }

  /** Every version that says it waits for this rule, or was refused. */
  async catchUp(feed: Backlog): Promise<void> {
    const { containerId } = feed;
    const place = await this.#place(feed);
    if (place === undefined) return;
    const mark = markOf(place.rule);
    for await (const found of this.#unsent(place, walkOf(feed, place.container))) {
      const { key, row, isOvertaken, standing } = found;
      const job = { ...place, containerId, key, row, isTagging: isOvertaken };
      // What was refused before has its own time to come again, unless that is over.
      const first = { event: 'created:put' as const, refusals: 0 };
      const retry = isWaiting(row, mark) ? retryAfter(first, 0) : undefined;
      if (!isOvertaken || standing.isThere) await this.#replicate(job, retry);
      else if (isWaiting(row, mark)) await this.#note(job, { status: 'failed' });
    }
  }

  /** A version that was refused, after the older ones of its key: the newest must come last. */
  async #again(job: Job, event: PendingEvent, refusals: number): Promise<void> {
    const { key, row, rule } = job;
    if (!isUnsent(row, markOf(rule))) return;
    if (job.isTagging && row.replication?.replicas?.[markOf(rule)] !== undefined) {
      await this.#replicate(job, retryAfter(event, refusals));
      return;
    }
    for await (const found of this.#unsent(job, { key })) {
      if (found.isOvertaken) continue;
      const isOwn = found.row.version === row.version;
      const retry = isOwn ? retryAfter(event, refusals) : undefined;
      const older = { ...job, row: found.row, isTagging: false };
      const isDone = await this.#replicate(older, retry);
      if (isOwn) return;
      if (isDone) continue;
      await this.#note(job, { status: 'failed', ...this.#retryOf(retryAfter(event, refusals)) });
      return;
    }
  }

  #unsent(
    { container, rule }: Pick<Job, 'container' | 'rule'>,
    which: Which,
  ): AsyncGenerator<UnsentVersion> {
    const { account, name } = container;
    const place = { context: asReplication(account), account, container: name, ...which };
    const mark = markOf(rule);
    return unsentVersions(this.#parts.core, place, (row) => ({
      isUnsent: isUnsent(row, mark),
      isThere: isThere(row, mark),
    }));
  }

  /** The container and the rule, if both still stand. */
  async #place(
    feed: Backlog,
  ): Promise<{ readonly container: ContainerRow; readonly rule: Feed } | undefined> {
    const { containerId, feedId } = feed;
    const container = await this.#parts.rows.get('container', { containerId });
    const rule = container?.feeds?.find((one) => one.id === feedId);
    if (container?.state !== 'live' || rule?.destination === undefined) return undefined;
    return { container, rule };
  }

  async #row(
    containerId: string,
    key: string,
    version: VersionRow['version'],
  ): Promise<VersionRow | undefined> {
    const { rows } = this.#parts;
    const current = await rows.get('current', { containerId, key });
    if (current?.version === version) return current;
    const older = await rows.get('version', { containerId, key, version });
    if (older !== undefined) return older;
    const marker = await rows.get('version', { containerId, key, version: newestMarker });
    return marker?.version === version ? marker : undefined;
  }

  /**
   * False: the store refuses, which makes the version FAILED; it comes again where a time for that is given.
   * Throws `unavailable`, `timeout` while the store is away.
   */
  async #replicate(job: Job, retry: Retry | undefined): Promise<boolean> {
    try {
      const replica = await this.#send(job);
      const named = replica === undefined ? {} : { replica };
      await this.#note(job, { status: 'completed', ...named });
      return true;
    } catch (error) {
      if (isStoreError(error, 'no-such-version') || isStoreError(error, 'no-such-object')) {
        return true;
      }
      const isRefused =
        isStoreError(error, 'invalid-argument') || isStoreError(error, 'access-denied');
      if (!isRefused) throw error;
      // What cannot be read here (a customer's key) is not the store's to take.
      const later = error.op === SENDING ? this.#retryOf(retry) : {};
      const { target } = this;
      this.#parts.logger.warn(
        { event: 'replication.failed', target, rule: job.rule.rule, reason: error.message },
        'A version could not be replicated.',
      );
      await this.#note(job, { status: 'failed', ...later });
      return false;
    }
  }

  async #note({ containerId, key, row, rule }: Job, outcome: Outcome): Promise<void> {
    const at = { containerId, key, version: row.version, feedId: markOf(rule) };
    await this.#parts.rows.execute({ type: 'replication.note', ...at, ...outcome });
  }

  #retryOf(retry: Retry | undefined): Pick<Outcome, 'retry'> {
    if (retry?.pauseMillis === undefined) return {};
    const { event, refusals, pauseMillis } = retry;
    return { retry: { event, refusals, atMillis: this.#parts.clock.now() + pauseMillis } };
  }

  async #send(job: Job): Promise<string | undefined> {
    const { rule, key, row } = job;
    const bucket = rule.destination?.container ?? '';
    const { client } = this.#parts;
    if (row.kind === 'delete-marker') {
      const headers = { 'x-amz-replication-status': 'REPLICA' };
      const reply = checkReply(await client.send({ method: 'DELETE', bucket, key, headers }));
      return reply.header('x-amz-version-id');
    }
    const replica = row.replication?.replicas?.[markOf(rule)];
    const reader = await this.#open(job);
    if (job.isTagging && replica !== undefined) {
      await this.#sendTags(reader, { bucket, key, replica });
      return replica;
    }
    const { storageClass } = rule.destination ?? {};
    return sendObject(client, reader, { bucket, key, storageClass });
  }

  async #sendTags(
    reader: ObjectReader,
    to: { readonly bucket: string; readonly key: string; readonly replica: string },
  ): Promise<void> {
    const { bucket, key, replica } = to;
    const tags = reader.row.system[TAGS];
    const query = [
      ['tagging', ''],
      ['versionId', replica],
    ] as const;
    const at = { bucket, key, query };
    const { client } = this.#parts;
    if (tags === undefined) {
      checkReply(await client.send({ method: 'DELETE', ...at }));
      return;
    }
    const document = taggingDocument(tags);
    const md5 = createHash('md5').update(document).digest('base64');
    const headers = { 'content-md5': md5 };
    checkReply(await client.send({ method: 'PUT', ...at, headers, body: documentOf(document) }));
  }

  #open({ container, key, row }: Job): Promise<ObjectReader> {
    const { account, name } = container;
    const address = { account, container: name, key, versionId: versionIdOf(row) };
    return this.#parts.core.openObject(asReplication(account), { ...address, condition: {} });
  }
}

/** The account's owner told the server to copy its versions. */
function asReplication(account: string): RequestContext {
  return { principal: { type: 'user', account, user: 'replication', role: 'owner' } };
}

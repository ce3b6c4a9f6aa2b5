/**
 * Brings the versions of containers with replication rules to another store (decision 0023). The
 * version's own row says what is still to be done, so that a repeated, or a lost, event does no harm.
 */
import { createHash } from 'node:crypto';
import { isStoreError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Core, ObjectReader, RequestContext } from '../core/api.ts';
import { newestMarker } from '../core/decide/version-chain.ts';
import { TAGS } from '../core/metadata.ts';
import { type ContainerRow, type Feed, type VersionRow, versionIdOf } from '../core/model.ts';
import type { RowStore } from '../core/ports.ts';
import type { Taken } from '../feeds/deliver.ts';
import type { Backlog, PendingEvent } from '../feeds/source.ts';
import type { Consumer } from '../feeds/worker.ts';
import { taggingDocument } from './object-request.ts';
import { checkReply, documentOf, sendObject } from './send-object.ts';
import type { Store } from './store-client.ts';
import { waitingVersions } from './waiting.ts';

export interface ReplicatorParts {
  readonly core: Core;
  readonly rows: RowStore;
  readonly client: Store;
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
    await this.#replicate({ ...place, containerId, key, row, isTagging });
    return 'taken';
  }

  /** Every version that says it waits for this rule. */
  async catchUp(feed: Backlog): Promise<void> {
    const { containerId } = feed;
    const place = await this.#place(feed);
    if (place === undefined) return;
    const waits = (row: VersionRow): boolean =>
      row.replication?.waiting?.includes(feed.feedId) === true;
    const { account, name } = place.container;
    const at = { context: asReplication(account), account, container: name };
    for await (const { key, row } of waitingVersions(this.#parts.core, at, waits)) {
      await this.#replicate({ ...place, containerId, key, row, isTagging: false });
    }
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

  /** Throws `unavailable`, `timeout` while the store is away; a store that refuses makes the version FAILED. */
  async #replicate(job: Job): Promise<void> {
    const { containerId, key, row, rule } = job;
    if (row.replication?.waiting?.includes(rule.id) !== true) return;
    const at = { containerId, key, version: row.version, feedId: rule.id };
    try {
      const replica = await this.#send(job);
      const note = { ...at, status: 'completed' as const };
      const named = replica === undefined ? {} : { replica };
      await this.#parts.rows.execute({ type: 'replication.note', ...note, ...named });
    } catch (error) {
      if (isStoreError(error, 'no-such-version') || isStoreError(error, 'no-such-object')) return;
      const isRefused =
        isStoreError(error, 'invalid-argument') || isStoreError(error, 'access-denied');
      if (!isRefused) throw error;
      this.#parts.logger.warn(
        {
          event: 'replication.failed',
          target: this.target,
          rule: rule.rule,
          reason: error.message,
        },
        'A version could not be replicated.',
      );
      await this.#parts.rows.execute({ type: 'replication.note', ...at, status: 'failed' });
    }
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
    const replica = row.replication?.replicas?.[rule.id];
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

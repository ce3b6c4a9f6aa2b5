/**
 * Keeps a container of another cluster in step with one of ours (decision 0043), as Swift's
 * `container-sync` does: what a key is now is what the other side is made to have, so that a repeated,
 * late or lost event does no harm. Changes bear the time at which they were made, and the newest stands.
 */
import { compareUtf8, toHex } from '../../base/bytes.ts';
import { StoreError, isStoreError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import type { Micros } from '../../base/units.ts';
import type { Core, ObjectReader } from '../core/api.ts';
import type { RequestContext } from '../core/request.ts';
import { type ContainerRow, lastChangeOf } from '../core/model.ts';
import type { Page, PageItem, PageQuery, RowStore } from '../core/ports.ts';
import type { Taken } from '../feeds/deliver.ts';
import type { Backlog, PendingEvent } from '../feeds/source.ts';
import { type Walk, walkOf } from '../feeds/walk.ts';
import type { Consumer } from '../feeds/worker.ts';
import { wireOf } from '../http/header-text.ts';
import type { StoreReply } from '../replication/store-client.ts';
import { descriptionHeaders } from '../swift/object/object-headers.ts';
import { quote } from '../swift/path.ts';
import { linkHeaders } from '../swift/symlink/link.ts';
import {
  type Signed,
  signatureOf,
  type SyncPlace,
  type SyncSettings,
} from '../swift/sync/realms.ts';
import { syncOf } from '../swift/sync/settings.ts';
import { formatTimestamp } from '../swift/timestamps.ts';
import type { ClusterRequest, SendToCluster } from './cluster-client.ts';

export interface SenderParts {
  readonly core: Core;
  readonly rows: RowStore;
  readonly send: SendToCluster;
  readonly settings: SyncSettings;
  readonly random: Random;
  readonly logger: Logger;
}

interface Place extends SyncPlace {
  readonly key: string;
  readonly container: ContainerRow;
}

interface Asked {
  readonly method: ClusterRequest['method'];
  readonly key: string;
  /** When the change was made. */
  readonly stamp: Micros;
  readonly headers?: ClusterRequest['headers'];
  readonly body?: ClusterRequest['body'];
}

const PAGE_ROWS = 500;

export class SyncSender implements Consumer {
  readonly target: string;
  readonly #parts: SenderParts;
  #lastRefused = '';

  constructor(target: string, parts: SenderParts) {
    this.target = target;
    this.#parts = parts;
  }

  async take(feed: Backlog, event: PendingEvent): Promise<Taken> {
    const place = await this.#place(feed);
    if (place === undefined) return 'taken';
    const reader = await this.#open(place, event.key);
    if (reader !== undefined) return this.#bring(place, event.key, reader);
    if (!event.event.startsWith('removed:') && !event.event.startsWith('expired:')) return 'taken';
    const { containerId } = feed;
    const tombstone = await this.#parts.rows.get('tombstone', { containerId, key: event.key });
    return this.#remove(place, event.key, tombstone?.madeAt ?? event.stamp);
  }

  /** Everything that is there, and every deletion that is remembered. */
  async catchUp(feed: Backlog): Promise<void> {
    const place = await this.#place(feed);
    if (place === undefined) return;
    let isWhole = true;
    const walk = walkOf(feed, place.container);
    for await (const { name } of this.#objects(place, walk)) {
      const reader = await this.#open(place, name);
      const taken = reader === undefined ? 'taken' : await this.#bring(place, name, reader);
      if (taken !== 'taken') isWhole = false;
    }
    const { rows } = this.#parts;
    const deletions = itemsOf(walk, (query) => rows.listTombstones(feed.containerId, query));
    for await (const item of deletions) {
      if (item.type !== 'row' || (await this.#open(place, item.name)) !== undefined) continue;
      if ((await this.#remove(place, item.name, item.row.madeAt)) !== 'taken') isWhole = false;
    }
    if (!isWhole) throw new StoreError('unavailable', 'sync.walk', 'some objects were not taken');
  }

  /** Undefined: the container is gone, or is synced to nowhere, or elsewhere. */
  async #place({ containerId }: Backlog): Promise<Place | undefined> {
    const container = await this.#parts.rows.get('container', { containerId });
    if (container?.state !== 'live') return undefined;
    const place = syncOf(this.#parts.settings, container);
    return place?.target === this.target ? { ...place, container } : undefined;
  }

  #objects({ container }: Place, walk: Walk): AsyncGenerator<PageItem<unknown>> {
    const address = { account: container.account, container: container.name };
    return itemsOf(walk, async (query) => {
      return (await this.#parts.core.listObjects(asSync(container), address, query)).page;
    });
  }

  /** A large object's manifest and a link themselves; undefined: there is no such object. */
  async #open({ container }: Place, key: string): Promise<ObjectReader | undefined> {
    const address = { account: container.account, container: container.name, key };
    try {
      return await this.#parts.core.openObject(asSync(container), {
        ...{ ...address, condition: {} },
        ...{ asManifest: true, links: 'keep' },
      });
    } catch (error) {
      if (isStoreError(error, 'no-such-object') || isStoreError(error, 'no-such-container')) {
        return undefined;
      }
      throw error;
    }
  }

  async #bring(place: Place, key: string, reader: ObjectReader): Promise<Taken> {
    const { row } = reader;
    const stamp = lastChangeOf(row);
    const there = await this.#send(place, { method: 'HEAD', key, stamp });
    if (there.status < 300 && Number(there.header('x-timestamp') ?? 0) >= stampOf(stamp)) {
      return 'taken';
    }
    if (there.status >= 300 && there.status !== 404) return this.#judge(place, there, []);
    // Of others the etag is no MD5 of what is sent.
    const isPlain =
      reader.large === undefined && !row.etag.includes('-') && row.encryption === undefined;
    const sent = await this.#send(place, {
      ...{ method: 'PUT', key, stamp },
      headers: {
        'content-type': wireOf(row.contentType),
        ...Object.fromEntries([...descriptionHeaders(row), ...linkHeaders(row)]),
        // The parts of a multipart object of S3 are its own: it goes as one object.
        ...(row.manifest === undefined ? { 'X-Static-Large-Object': '' } : {}),
        ...(isPlain ? { etag: row.etag } : {}),
      },
      body: { chunks: reader.read(0, row.size), size: row.size },
    });
    return this.#judge(place, sent, []);
  }

  async #remove(place: Place, key: string, stamp: Micros): Promise<Taken> {
    const reply = await this.#send(place, { method: 'DELETE', key, stamp });
    return this.#judge(place, reply, [404, 409]);
  }

  /** What says nothing about the cluster lets other objects go on. */
  #judge(place: Place, reply: StoreReply, good: readonly number[]): Taken {
    const { status } = reply;
    if (status < 300 || good.includes(status)) return 'taken';
    if (status >= 500 || status === 408 || status === 429 || status === 498) {
      throw new StoreError('unavailable', 'sync.send', `the other cluster answered ${status}`);
    }
    const { account, name } = place.container;
    const refused = JSON.stringify([account, name, status]);
    // Once, and not for every object and every time.
    if (refused !== this.#lastRefused) {
      this.#parts.logger.warn(
        { event: 'sync.refused', target: this.target, account, container: name, status },
        'Objects are not taken by the cluster that their container is synced to.',
      );
    }
    this.#lastRefused = refused;
    return 'later';
  }

  #send(place: Place, asked: Asked): Promise<StoreReply> {
    const { method, key, stamp, headers: given = {}, body } = asked;
    const { origin, path: parent } = splitUrl(place.url);
    const path = `${parent}/${quote(key)}`;
    const timestamp = formatTimestamp(stamp);
    const headers = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== ''));
    return this.#parts.send({
      ...{ method, origin, path },
      ...(body === undefined ? {} : { body }),
      // A link and a manifest themselves: what they lead to changes by itself.
      query: method === 'HEAD' ? '?symlink=get&multipart-manifest=get' : '',
      headers: {
        ...headers,
        'x-timestamp': timestamp,
        ...this.#proof(place, { method, path, timestamp }),
      },
    });
  }

  #proof(
    { realm, key }: Place,
    asked: Pick<Signed, 'method' | 'path' | 'timestamp'>,
  ): Readonly<Record<string, string>> {
    if (realm === undefined) return { 'x-container-sync-key': wireOf(key) };
    const nonce = toHex(this.#parts.random.bytes(16));
    const signed = { ...asked, nonce, containerKey: key };
    return { 'x-container-sync-auth': `${realm.name} ${nonce} ${signatureOf(realm.key, signed)}` };
  }
}

/** All of a listing within these bounds, page by page. */
async function* itemsOf<Row>(
  walk: Walk,
  list: (query: PageQuery) => Promise<Page<Row>>,
): AsyncGenerator<PageItem<Row>> {
  const { before } = walk;
  const whole = { prefix: '', delimiter: '', before, reverse: false, limit: PAGE_ROWS };
  let { after } = walk;
  for (;;) {
    const page = await list({ ...whole, after });
    yield* page.items.filter(({ name }) => compareUtf8(name, walk.from) >= 0);
    after = page.items.at(-1)?.name;
    if (!page.truncated || after === undefined) return;
  }
}

/** The path as it was written: it is signed. */
function splitUrl(url: string): { readonly origin: URL; readonly path: string } {
  const path = url.indexOf('/', url.indexOf('//') + 2);
  return { origin: new URL(url.slice(0, path)), path: url.slice(path) };
}

/** As a client reads it: in seconds. */
function stampOf(stamp: Micros): number {
  return Number(formatTimestamp(stamp));
}

/** The container's owner told the server to copy what is in it. */
function asSync({ account }: ContainerRow): RequestContext {
  return { principal: { type: 'user', account, user: 'container-sync', role: 'owner' } };
}

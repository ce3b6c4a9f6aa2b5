/**
 * `GET /endpoints/…`: on which machines an account's, a container's or an object's bytes are
 * (swift/common/middleware/list_endpoints.py), for whoever wants to compute near them. As in Swift it
 * asks nobody who he is, so it is switched on by the operator. The hosts are true; what stands behind
 * them in the URL tells the device, and is no address to read from: nodes speak a protocol of their own.
 */
import type { ClusterMap } from '../../storage/shard/coordinator.ts';
import { inOrder } from '../../storage/shard/ranges/extent.ts';
import { accountIdOf } from '../core/ids.ts';
import type { Id, StoredBody } from '../core/model.ts';
import { isBehind } from '../core/pieces/piece.ts';
import type { RowStore } from '../core/ports.ts';
import { headerText } from '../http/exchange.ts';
import { unquote } from '../swift/path.ts';

export interface EndpointsSource {
  readonly rows: Pick<RowStore, 'get'>;
  readonly map: () => Pick<ClusterMap, 'devices' | 'shards'> & {
    readonly nodes?: ClusterMap['nodes'];
  };
  /** Ids of the devices that are homes of a stored body. */
  readonly homesOf: (stored: StoredBody) => readonly number[];
}

interface Place {
  readonly devices: readonly number[];
  readonly partition: number;
}

/** `path` from `/endpoints/` on, as on the wire; undefined: it names nothing. */
export async function answerEndpoints(source: EndpointsSource, path: string): Promise<unknown> {
  const match =
    /^\/endpoints\/(?:(v1(?:\.0)?|v2(?:\.0)?)\/)?([^/]+)(?:\/([^/]+)(?:\/(.+))?)?\/?$/.exec(path);
  if (match === null) return undefined;
  const [, version, ...given] = match;
  const written = given.filter((name) => name !== undefined);
  const names = written.flatMap((name) => headerText(unquote(name)) ?? []);
  const [account, container, key] = names;
  if (account === undefined || names.length < written.length) return undefined;
  const place = await placeOf(source, { account, container, key });
  const endpoints = urlsOf(source, place, written.join('/'));
  return version?.startsWith('v2') === true ? { endpoints, headers: {} } : endpoints;
}

interface Named {
  readonly account: string;
  readonly container: string | undefined;
  readonly key: string | undefined;
}

/** Where the bytes are, or the row that holds them, or would. */
async function placeOf(source: EndpointsSource, named: Named): Promise<Place> {
  const { account, container, key } = named;
  const accountId = accountIdOf(account);
  if (container === undefined) return shardOf(source, accountId);
  const line = await source.rows.get('directory', { accountId, name: container });
  if (line === undefined) return shardOf(source, accountId);
  const { containerId } = line;
  if (key === undefined) return shardOf(source, containerId);
  const row = await source.rows.get('current', { containerId, key });
  if (row?.body.type !== 'stored') return shardOf(source, await pieceOf(source, containerId, key));
  const { stored } = row.body;
  return { devices: source.homesOf(stored), partition: stored.partition };
}

/** Which piece of the container the name lies in. */
async function pieceOf({ rows }: EndpointsSource, containerId: Id, key: string): Promise<Id> {
  let id = containerId;
  for (;;) {
    const piece = (await rows.get('container', { containerId: id }))?.piece;
    if (piece?.next === undefined || !isBehind(piece, key)) return id;
    id = piece.next;
  }
}

function shardOf(source: EndpointsSource, id: Id): Place {
  const found = inOrder(source.map().shards).findLast((shard) => shard.start <= id);
  return { devices: found?.replicas ?? [], partition: found?.id ?? 0 };
}

function urlsOf(
  source: EndpointsSource,
  { devices, partition }: Place,
  rest: string,
): readonly string[] {
  const { devices: known, nodes } = source.map();
  return devices.flatMap((id) => {
    const device = known.find((one) => one.id === id);
    if (device === undefined) return [];
    const host = nodes?.find((node) => node.name === device.node)?.address ?? '127.0.0.1';
    return [`http://${host}/device-${id}/${partition}/${rest}`];
  });
}

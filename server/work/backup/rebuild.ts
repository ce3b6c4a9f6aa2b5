/**
 * Makes shards again of which no replica is left, from the fragments of their backups (decision
 * 0044). A shard that has a whole replica is left alone; so is one that may have one on a device that
 * is away, unless the operator gives that up.
 */
import type { Clock } from '../../../base/clock.ts';
import { isStoreError, StoreError } from '../../../base/errors.ts';
import type { Logger } from '../../../base/log.ts';
import { type Epoch, epoch as toEpoch, type ShardId } from '../../../base/units.ts';
import type { FragmentHeader } from '../../../storage/fragment/fragment.ts';
import type { Coordinator } from '../../../storage/shard/coordinator.ts';
import type { ShardGroup } from '../../../storage/shard/group.ts';
import type { ReplicaPeer, ReplicaStatus } from '../../../storage/shard/peer.ts';
import { replayPiece } from '../../../storage/shard/backup/replay.ts';
import { keyAfter } from '../../../storage/shard/row-key.ts';
import type { Shard, ShardState } from '../../../storage/shard/shard.ts';
import type { Id } from '../../core/model.ts';
import type { Placement } from '../../proxy/placement.ts';
import { decodeRow, encodeKey, localRange } from '../../proxy/row-codec.ts';
import { findClaim } from '../claims.ts';
import { chainsOf, findPieces, type FoundPiece, visitBodies } from './find-pieces.ts';
import { readLooseBody } from './loose-body.ts';
import { decodePiece, isUnreadable } from './piece.ts';

export interface RebuildOptions {
  readonly placement: Placement;
  readonly coordinator: Coordinator;
  readonly group: ShardGroup;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface RebuildReport {
  /** They have a replica that is whole: nothing was done. */
  readonly shardsGood: number;
  readonly shardsRebuilt: number;
  /** Nothing was done: a replica that may be whole, or may know more than a backup, is on a device that is away, or is damaged, or is not in sync. */
  readonly shardsUnknown: number;
  /** No whole backup of them was found: they stay lost. */
  readonly shardsLost: number;
  /** Of shards that were rebuilt. */
  readonly containers: number;
  readonly objects: number;
  readonly bytes: number;
  /** When the newest of their pieces was stored (ISO 8601). What was changed until `metadataBackupSeconds` before is there. */
  readonly lastBackup?: string;
  /** Bodies of more than 16 KiB that were begun after the last piece of their shard, and that no row names: of objects or parts that do not come back. Smaller ones leave no trace. */
  readonly bodiesNotNamed?: number;
}

type Judged = 'good' | 'lost' | 'unknown';

/** How long a shard that was rebuilt may take to be served. */
const serveMillis = 60_000;
const lookMillis = 100;

/** `givesUp`: replicas of which it is not known whether they are any good count as lost for good. */
export async function rebuildShards(
  options: RebuildOptions,
  givesUp: boolean,
): Promise<RebuildReport> {
  const { coordinator, placement } = options;
  const map = coordinator.current();
  const counts = { shardsGood: 0, shardsRebuilt: 0, shardsUnknown: 0, shardsLost: 0 };
  const sums = { containers: 0, objects: 0, bytes: 0 };
  const lost: ShardState[] = [];
  for (const state of map.shards) {
    // It owns nothing yet: whoever serves the one that it is split off drops it.
    if (state.takesFrom !== undefined) continue;
    const judged = await judge(options, state);
    if (judged === 'good') counts.shardsGood++;
    else if (judged === 'lost' || givesUp) lost.push(state);
    else counts.shardsUnknown++;
  }
  if (lost.length === 0) return { ...counts, ...sums };
  const pieces = await findPieces(placement, map.clusterId);
  const storedAt = new Map<ShardId, number>();
  for (const state of lost) {
    const head = await rebuildShard(options, state, pieces.get(state.id) ?? []);
    if (head === undefined) {
      counts.shardsLost++;
      continue;
    }
    counts.shardsRebuilt++;
    storedAt.set(state.id, head.header.createdAt);
  }
  // It takes a moment until one is served: they come to it side by side.
  for (const id of storedAt.keys()) await addSums(options, id, sums);
  if (storedAt.size === 0) return { ...counts, ...sums };
  const bodiesNotNamed = await countNotNamed(options, storedAt);
  const lastBackup = new Date(Math.max(...storedAt.values())).toISOString();
  return { ...counts, ...sums, lastBackup, bodiesNotNamed };
}

/** `storedAt`: of the last piece of each shard that was rebuilt, in milliseconds. */
async function countNotNamed(
  { placement, group }: RebuildOptions,
  storedAt: ReadonlyMap<ShardId, number>,
): Promise<number> {
  const oldest = Math.min(...storedAt.values());
  const young = new Map<string, FragmentHeader>();
  await visitBodies(placement, (header) => {
    if (header.createdAt >= oldest) young.set(header.objectId, header);
  });
  let count = 0;
  for (const [objectId, { containerId, createdAt }] of young) {
    const shard = group.route(containerId);
    const since = storedAt.get(shard.id) ?? Infinity;
    // Of a container in pieces the row may have been in any shard.
    if (createdAt < since && !(await liesInPieces(shard, containerId))) continue;
    if ((await findClaim(group, objectId)) === undefined) count++;
  }
  return count;
}

/** False also when its own shard is not served. */
async function liesInPieces(shard: Shard, containerId: Id): Promise<boolean> {
  try {
    const row = await shard.get(encodeKey('container', { containerId }));
    return row !== undefined && decodeRow<'container'>(row.meta).piece !== undefined;
  } catch (error) {
    if (isStoreError(error, 'unavailable')) return false;
    throw error;
  }
}

/** Whether any replica that the map believes can be believed. One that left the set, but is whole, may still know more than a backup. */
async function judge(
  { group }: RebuildOptions,
  { id, replicas, inSync }: ShardState,
): Promise<Judged> {
  let judged: Judged = 'lost';
  for (const device of replicas) {
    const condition = (await statusOf(group.replica(device, id)))?.condition ?? 'away';
    if (condition === 'absent' || condition === 'learning') continue;
    if (inSync.includes(device) && condition === 'ready') return 'good';
    if (inSync.includes(device) || condition === 'ready') judged = 'unknown';
  }
  return judged;
}

/** Undefined: its device is away. */
async function statusOf(peer: ReplicaPeer | undefined): Promise<ReplicaStatus | undefined> {
  try {
    return await peer?.status();
  } catch (error) {
    if (isStoreError(error)) return undefined;
    throw error;
  }
}

/** Returns the last piece that it was made of; undefined when there is no chain that can be read. */
async function rebuildShard(
  options: RebuildOptions,
  state: ShardState,
  pieces: readonly FoundPiece[],
): Promise<FoundPiece | undefined> {
  const { group, logger } = options;
  const peers = state.replicas.flatMap((device) => group.replica(device, state.id) ?? []);
  if (peers.length === 0) return undefined;
  for (const chain of chainsOf(pieces)) {
    try {
      await replayChain(options, state, { chain, peers });
      const fields = { event: 'shard.rebuilt', shard: state.id, pieces: chain.length };
      logger.info(fields, 'A shard was made again from its backup.');
      void group.find(state.id)?.open();
      return chain.at(-1);
    } catch (error) {
      // An older chain, or a shorter one, may still be whole.
      if (!isUnreadable(error)) throw error;
      const reason = error instanceof Error ? error.message : '';
      const fields = { event: 'shard.backup-bad', shard: state.id, reason };
      logger.warn(fields, 'A backup of a shard cannot be read whole.');
    }
  }
  return undefined;
}

async function replayChain(
  { placement, coordinator }: RebuildOptions,
  state: ShardState,
  by: { readonly chain: readonly FoundPiece[]; readonly peers: readonly ReplicaPeer[] },
): Promise<void> {
  const { chain, peers } = by;
  const epoch = await lastEpoch(state, by);
  await Promise.all(peers.map((peer) => peer.reset(epoch)));
  for (const { body } of chain) {
    const stripes: Uint8Array[] = [];
    for await (const stripe of readLooseBody(placement, body)) stripes.push(stripe);
    const { records } = decodePiece(Buffer.concat(stripes));
    await replayPiece(records, { epoch, peers });
  }
  const status = chain.at(-1)?.header.status;
  if (status === undefined) throw new StoreError('internal', 'shard.rebuild', 'an empty chain');
  // From here on nobody else's replica counts, whatever comes back later.
  const inSync = peers.map(({ device }) => device);
  const { session: _ended, ...line } = state;
  const primary = inSync[0] ?? state.primary;
  // The backup may be older than its last split.
  const next = { ...line, epoch: toEpoch(epoch + 1), inSync, primary, untrimmed: true as const };
  await coordinator.reshape([{ id: state.id, epoch: state.epoch, next }]);
  await Promise.all(peers.map((peer) => peer.level(next.epoch, status.sequence, status.history)));
}

/** The highest that anybody knows of: a map that was put back is behind the replicas, and behind the backup. */
async function lastEpoch(
  { epoch }: ShardState,
  {
    chain,
    peers,
  }: { readonly chain: readonly FoundPiece[]; readonly peers: readonly ReplicaPeer[] },
): Promise<Epoch> {
  const there = await Promise.all(peers.map((peer) => statusOf(peer)));
  const known = there.flatMap((status) => (status === undefined ? [] : [status.epoch]));
  const stored = chain.map(({ header }) => header.status.epoch);
  return toEpoch(Math.max(epoch, ...known, ...stored));
}

/** What the shard has now, from its own sums. */
async function addSums(
  { group, clock }: RebuildOptions,
  id: ShardId,
  sums: { containers: number; objects: number; bytes: number },
): Promise<void> {
  const shard = group.all().find((one) => one.id === id);
  if (shard === undefined) return;
  await whenServed(clock, shard);
  let { gte } = localRange('accountUsage');
  const { lt } = localRange('accountUsage');
  for (;;) {
    const rows = await shard.scan({ gte, lt, limit: 1000 });
    for (const { meta } of rows) {
      const { containers, objects, bytes } = decodeRow<'accountUsage'>(meta);
      sums.containers += containers;
      sums.objects += objects;
      sums.bytes += bytes;
    }
    const last = rows.at(-1);
    if (last === undefined) return;
    gte = keyAfter(last.key);
  }
}

async function whenServed(clock: Clock, shard: Shard): Promise<void> {
  const end = clock.monotonic() + serveMillis;
  const { gte } = localRange('accountUsage');
  for (;;) {
    try {
      await shard.get(gte);
      return;
    } catch (error) {
      const isPassing = isStoreError(error, 'unavailable') || isStoreError(error, 'stale-epoch');
      if (!isPassing || clock.monotonic() > end) throw error;
      await clock.sleep(lookMillis);
    }
  }
}

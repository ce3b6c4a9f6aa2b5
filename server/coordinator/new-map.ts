/** Puts a whole cluster map into an engine that holds none. */
import { StoreError } from '../../base/errors.ts';
import type { ClusterMap } from '../../storage/shard/coordinator.ts';
import type { EngineWrite, MapEngine } from './map-engine.ts';
import {
  clusterKey,
  clusterLine,
  deviceKey,
  lastDeviceKey,
  lastShardKey,
  nodeKey,
  policyKey,
  shardKey,
} from './map-keys.ts';

/** etcd takes 128 writes and 1.5 MiB at once by default. */
const writesAtOnce = 64;

function linesOf(map: ClusterMap): { readonly key: string; readonly line: object }[] {
  return [
    ...(map.nodes ?? []).map((node) => ({ key: nodeKey(node.name), line: node })),
    ...map.devices.map((device) => ({ key: deviceKey(device.id), line: device })),
    ...map.policies.map((policy) => ({ key: policyKey(policy.name), line: policy })),
    ...map.shards.map((shard) => ({ key: shardKey(shard.id), line: shard })),
    ...(map.lastShard === undefined ? [] : [{ key: lastShardKey, line: { shard: map.lastShard } }]),
  ];
}

/** The cluster's own line comes last: a map that was put there in part is no map. Throws `conflict` when there is one. */
export async function writeNewMap(engine: MapEngine, map: ClusterMap): Promise<void> {
  const { entries } = await engine.read();
  if (entries.some(({ key }) => key === clusterKey)) {
    throw new StoreError('conflict', 'coordinator.new', 'the engine holds a map of this cluster');
  }
  const lastDevice = Math.max(map.lastDevice ?? 0, ...map.devices.map((device) => device.id));
  const lines = linesOf(map).map(
    ({ key, line }): EngineWrite => ({ key, value: JSON.stringify(line) }),
  );
  lines.push({ key: lastDeviceKey, value: String(lastDevice) });
  const wanted = new Set(lines.map(({ key }) => key));
  const leftovers = entries
    .filter(({ key }) => !wanted.has(key))
    .map(({ key }): EngineWrite => ({ key, value: undefined }));
  const absent = [{ key: clusterKey, revision: 0 }];
  const writes = [...leftovers, ...lines];
  for (let from = 0; from < writes.length; from += writesAtOnce) {
    await put(engine, absent, writes.slice(from, from + writesAtOnce));
  }
  const value = JSON.stringify(clusterLine(map));
  await put(engine, absent, [{ key: clusterKey, value }]);
}

async function put(
  engine: MapEngine,
  absent: readonly { readonly key: string; readonly revision: number }[],
  writes: readonly EngineWrite[],
): Promise<void> {
  const { taken } = await engine.commit(absent, writes);
  if (taken) return;
  throw new StoreError('conflict', 'coordinator.new', 'another map was put there meanwhile');
}

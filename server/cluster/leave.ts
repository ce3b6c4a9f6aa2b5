/** A node that is no more: it leaves the cluster map, and nobody believes its certificate any longer. */
import { StoreError } from '../../base/errors.ts';
import type { ClusterMap } from '../../storage/shard/coordinator.ts';
import type { MapEdit } from '../coordinator/map-coordinator.ts';
import { nodeKey } from '../coordinator/map-keys.ts';

/** Throws `invalid-argument` when there is none of that name, `conflict` when it lives or has devices. */
export function removeNode(
  { nodes = [], sessions = [], devices }: ClusterMap,
  name: string,
): MapEdit {
  if (!nodes.some((node) => node.name === name)) {
    throw new StoreError('invalid-argument', 'cluster.remove', `there is no node ${name}`);
  }
  const own = devices.filter(({ node }) => node === name);
  if (own.length > 0) {
    const sentence = `node ${name} has ${own.length} devices: torc ring remove --node ${name}, first`;
    throw new StoreError('conflict', 'cluster.remove', sentence);
  }
  if (sessions.some(({ node }) => node === name)) {
    throw new StoreError('conflict', 'cluster.remove', `node ${name} is up: stop it first`);
  }
  return { key: nodeKey(name), line: undefined };
}

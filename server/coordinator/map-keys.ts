/** How the cluster map lies in an engine: one small key for each thing that changes by itself. docs/format/cluster-map.md. */
import { StoreError } from '../../base/errors.ts';
import type { DeviceId, ShardId } from '../../base/units.ts';
import type {
  ClusterMap,
  DeviceState,
  NodeState,
  PolicyState,
  SessionState,
} from '../../storage/shard/coordinator.ts';
import type { ShardState } from '../../storage/shard/shard.ts';
import type { EngineChange, EngineSnapshot } from './map-engine.ts';

export const clusterKey = 'cluster';
export const lastDeviceKey = 'last-device';
/** Under it `{"shard": N}`, once shards have been split. */
export const lastShardKey = 'numbers';

/** Of fixed length, so that the engine's order is that of the numbers. */
function padded(id: number): string {
  return String(id).padStart(8, '0');
}

export const shardKey = (id: ShardId): string => `shards/${padded(id)}`;
export const deviceKey = (id: DeviceId): string => `devices/${padded(id)}`;
export const policyKey = (name: string): string => `policies/${name}`;
export const nodeKey = (name: string): string => `nodes/${name}`;
export const sessionKey = (id: string): string => `sessions/${id}`;

/** What stands under `cluster`. */
export interface ClusterLine {
  readonly format: 1;
  readonly clusterId: string;
  /** Empty until the cluster is formed. */
  readonly defaultPolicy: string;
  readonly keyRing?: string;
}

export function clusterLine({ clusterId, defaultPolicy, keyRing }: ClusterMap): ClusterLine {
  const line = { format: 1, clusterId, defaultPolicy } as const;
  return keyRing === undefined ? line : { ...line, keyRing };
}

interface Tables {
  cluster: ClusterLine;
  nodes: NodeState;
  devices: DeviceState;
  policies: PolicyState;
  shards: ShardState;
  sessions: SessionState;
  numbers: { readonly shard: number };
}

type Table = keyof Tables;

function tableOf(key: string): Table | undefined {
  const [first = ''] = key.split('/', 1);
  switch (first) {
    case 'cluster':
    case 'nodes':
    case 'devices':
    case 'policies':
    case 'shards':
    case 'sessions':
    case 'numbers':
      return first;
    default:
      // A newer release may keep more there.
      return undefined;
  }
}

/** The entries of one table, by key; a new array only where something changed. */
class Lines<Line> {
  readonly #lines = new Map<string, { readonly line: Line; readonly text: string }>();
  #sorted: readonly Line[] | undefined = [];

  get size(): number {
    return this.#lines.size;
  }

  text(key: string): string | undefined {
    return this.#lines.get(key)?.text;
  }

  keys(): Iterable<string> {
    return this.#lines.keys();
  }

  set(key: string, text: string, line: Line): void {
    this.#lines.set(key, { line, text });
    this.#sorted = undefined;
  }

  delete(key: string): void {
    if (this.#lines.delete(key)) this.#sorted = undefined;
  }

  get sorted(): readonly Line[] {
    this.#sorted ??= [...this.#lines]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([, { line }]) => line);
    return this.#sorted;
  }
}

type AllLines = { readonly [T in Table]: Lines<Tables[T]> };

const noShards: readonly ShardState[] = [];

/** The map as put together from its keys. */
export class MapLines {
  readonly #lines: AllLines = {
    cluster: new Lines(),
    nodes: new Lines(),
    devices: new Lines(),
    policies: new Lines(),
    shards: new Lines(),
    sessions: new Lines(),
    numbers: new Lines(),
  };
  /** Keys that are no lines of the map. */
  readonly #plain = new Map<string, string>();
  /** Revision of the last change of each key. */
  readonly #revisions = new Map<string, number>();

  revision(key: string): number {
    return this.#revisions.get(key) ?? 0;
  }

  /** What stands under a key that is no line of the map. */
  plain(key: string): string | undefined {
    return this.#plain.get(key);
  }

  /** Keys that begin so, also of lines that the map does not show. */
  keys(prefix: string): readonly string[] {
    return [...this.#revisions.keys()].filter((key) => key.startsWith(prefix));
  }

  /** True when it changed anything that the map shows. */
  apply(revision: number, changes: readonly EngineChange[]): boolean {
    let changed = false;
    for (const { key, value } of changes) {
      if (value === undefined) this.#revisions.delete(key);
      else this.#revisions.set(key, revision);
      changed = this.#set(key, value) || changed;
    }
    return changed;
  }

  #set(key: string, value: string | undefined): boolean {
    const table = tableOf(key);
    if (table === undefined) {
      if (value === undefined) this.#plain.delete(key);
      else this.#plain.set(key, value);
      return false;
    }
    const lines: Lines<Tables[Table]> = this.#lines[table];
    if (lines.text(key) === value) return false;
    if (value === undefined) lines.delete(key);
    else lines.set(key, value, parseLine(key, value));
    return true;
  }

  /** Replaces everything. True when it changed anything that the map shows. */
  replace(snapshot: EngineSnapshot): boolean {
    const there = new Set(snapshot.entries.map(({ key }) => key));
    let changed = false;
    for (const lines of Object.values(this.#lines)) {
      for (const key of lines.keys()) {
        if (!there.has(key)) changed = this.#set(key, undefined) || changed;
      }
    }
    this.#revisions.clear();
    this.#plain.clear();
    for (const { key, value, revision } of snapshot.entries) {
      this.#revisions.set(key, revision);
      changed = this.#set(key, value) || changed;
    }
    return changed;
  }

  /** Undefined when no cluster stands under the prefix. */
  map(version: number): ClusterMap | undefined {
    const { cluster, nodes, devices, policies, shards, sessions, numbers } = this.#lines;
    const [line] = cluster.sorted;
    const [number] = numbers.sorted;
    if (line === undefined) return undefined;
    return {
      ...{ format: 1, clusterId: line.clusterId, version },
      ...{ nodes: nodes.sorted, sessions: sessions.sorted },
      ...{ devices: devices.sorted, policies: policies.sorted },
      defaultPolicy: line.defaultPolicy,
      ...(line.keyRing === undefined ? {} : { keyRing: line.keyRing }),
      // Half of the shards would be worse than none: each would take its neighbour's rows.
      shards: line.defaultPolicy === '' ? noShards : shards.sorted,
      ...(number === undefined ? {} : { lastShard: number.shard }),
    };
  }
}

/** Every line was written by a release of ours; one that is newer than this is refused by its format. */
function parseLine(key: string, text: string): Tables[Table] {
  let line: unknown;
  try {
    line = JSON.parse(text);
  } catch (cause) {
    throw new StoreError('corrupt', 'map.decode', `the cluster map holds no JSON under ${key}`, {
      cause,
    });
  }
  if (typeof line !== 'object' || line === null) {
    throw new StoreError('corrupt', 'map.decode', `the cluster map holds no object under ${key}`);
  }
  if (key === clusterKey && 'format' in line && line.format !== 1) {
    throw new StoreError(
      'not-implemented',
      'map.decode',
      `the cluster map has format ${String(line.format)}; this release reads 1`,
    );
  }
  return line as Tables[Table];
}

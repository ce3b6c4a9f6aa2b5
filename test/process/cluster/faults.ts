/** What may befall a cluster of real processes: one fault after the other, at random by a seed. */
import { SeededRandom } from '../../sim/random.ts';
import type { NodeProcess, TorcCluster } from './torc-cluster.ts';

export const faultKinds = [
  'kill',
  'pause',
  'stop',
  'isolate',
  'pair',
  'one-way',
  'engine',
  'etcd-member',
  'quorum',
  'full',
  'dead-disk',
] as const;
export type FaultKind = (typeof faultKinds)[number];

const cuts: readonly FaultKind[] = ['isolate', 'pair', 'one-way', 'engine'];

const sleep = (millis: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, millis));

export class ClusterFaults {
  /** How often each came. */
  readonly counts: Map<FaultKind, number> = new Map();
  readonly #cluster: TorcCluster;
  readonly #random: SeededRandom;
  readonly #kinds: readonly FaultKind[];
  /** Kinds that are still to come before any comes again: a short run meets each. */
  #left: FaultKind[] = [];

  constructor(cluster: TorcCluster, seed: number) {
    this.#cluster = cluster;
    this.#random = new SeededRandom(seed);
    this.#kinds = faultKinds.filter((kind) => cluster.hosts.canCut || !cuts.includes(kind));
  }

  #upTo(seconds: number): Promise<void> {
    return sleep(this.#random.fraction() * seconds * 1000);
  }

  /** One after the other for so long; when it resolves, everything runs and is joined again. */
  async run(seconds: number, say: (line: string) => void): Promise<void> {
    const until = performance.now() + seconds * 1000;
    while (performance.now() < until) {
      await this.#upTo(4);
      if (this.#left.length === 0) this.#left = [...this.#kinds];
      const kind = this.#random.pick(this.#left);
      this.#left = this.#left.filter((one) => one !== kind);
      const node = this.#random.pick(this.#cluster.nodes);
      say(`${kind} ${node.name}`);
      this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
      await this.#befall(kind, node);
    }
  }

  #befall(kind: FaultKind, node: NodeProcess): Promise<void> {
    switch (kind) {
      case 'kill':
        return this.#killed(node, 'SIGKILL');
      case 'stop':
        return this.#killed(node, 'SIGTERM');
      case 'pause':
        return this.#paused(node);
      case 'isolate':
        return this.#cut([node], [...this.#others(node), ...this.#cluster.etcdHosts], 'both');
      case 'pair':
        return this.#cut([node], [this.#random.pick(this.#others(node))], 'both');
      case 'one-way':
        return this.#cut([node], this.#others(node), 'one');
      case 'engine':
        return this.#cut([node], this.#cluster.etcdHosts, 'both');
      case 'etcd-member':
        return this.#etcdMember();
      case 'quorum':
        return this.#quorum();
      case 'full':
        return this.#full();
      case 'dead-disk':
        return this.#deadDisk();
    }
  }

  #others(node: NodeProcess): readonly string[] {
    return this.#cluster.nodes.filter((one) => one !== node).map(({ name }) => name);
  }

  async #killed(node: NodeProcess, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    await node.end(signal);
    await this.#upTo(8);
    await node.start();
  }

  /** It stands still, and goes on as if nothing were. */
  async #paused(node: NodeProcess): Promise<void> {
    node.signal('SIGSTOP');
    await this.#upTo(12);
    node.signal('SIGCONT');
  }

  async #cut(
    nodes: readonly NodeProcess[],
    from: readonly string[],
    ways: 'one' | 'both',
  ): Promise<void> {
    const { hosts } = this.#cluster;
    for (const { name } of nodes) {
      for (const other of from) {
        hosts.cut(name, other);
        if (ways === 'both') hosts.cut(other, name);
      }
    }
    await this.#upTo(12);
    hosts.joinAll();
  }

  async #etcdMember(): Promise<void> {
    const place = this.#random.below(this.#cluster.etcdHosts.length);
    await this.#cluster.etcd.killMember(place);
    await this.#upTo(8);
    this.#cluster.etcd.startMember(place);
  }

  async #quorum(): Promise<void> {
    const { etcd, etcdHosts } = this.#cluster;
    const most = [...etcdHosts.keys()].slice(1);
    for (const place of most) etcd.signalMember(place, 'SIGSTOP');
    await this.#upTo(10);
    for (const place of most) etcd.signalMember(place, 'SIGCONT');
  }

  /** A device's node, and where its folder is. */
  #anyDevice(): { readonly node: NodeProcess; readonly path: string } {
    const node = this.#random.pick(this.#cluster.nodes.filter(({ devices }) => devices.length > 0));
    return { node, path: this.#random.pick(node.devices) };
  }

  /** What is full may fail; then its node is started again when there is room, as an operator does. */
  async #full(): Promise<void> {
    const { node, path } = this.#anyDevice();
    const empty = this.#cluster.disks.fill(path);
    await this.#upTo(10);
    empty();
    if (!node.printed.includes('device.failed')) return;
    await node.end('SIGTERM');
    await node.start();
  }

  /** A disk dies under its node; after a while there is a new one in its place. */
  async #deadDisk(): Promise<void> {
    const { node, path } = this.#anyDevice();
    this.#cluster.disks.die(path);
    await this.#upTo(8);
    await node.end('SIGTERM');
    this.#cluster.disks.renew(path);
    await node.start();
    await node.torc('device', 'replace', path, '--data', node.data);
  }
}

/** An operator who has containers divided while everything else befalls a cluster of real processes (decision 0036). */
import type { TorcCluster } from './torc-cluster.ts';

const pauseMillis = 6000;
const piecesMax = 4;

export class ClusterDivisions {
  readonly #cluster: TorcCluster;
  readonly #containers: readonly string[];
  readonly #say: (line: string) => void;
  #over = false;

  constructor(
    cluster: TorcCluster,
    { containers, say }: { readonly containers: readonly string[]; say: (line: string) => void },
  ) {
    this.#cluster = cluster;
    this.#containers = containers;
    this.#say = say;
  }

  /** One division after the other until `end`. */
  async run(): Promise<void> {
    for (let round = 0; !this.#over; round++) {
      await new Promise((resolve) => setTimeout(resolve, pauseMillis));
      const container = this.#containers[round % this.#containers.length] ?? '';
      if (!this.#over && (await this.pieces(container)) < piecesMax) await this.#divide(container);
    }
  }

  end(): void {
    this.#over = true;
  }

  /** Of whichever node answers; 0: none does. */
  async pieces(container: string): Promise<number> {
    for (const node of this.#cluster.nodes) {
      const { account } = this.#cluster.credentials;
      const call = ['shard', 'pieces', account, container, '--data', node.data];
      const told = await node.torc(...call).catch(() => '');
      if (told !== '') return told.trim().split('\n').length;
    }
    return 0;
  }

  /** By the node that serves the shard: any other one refuses. */
  async #divide(container: string): Promise<void> {
    for (const node of this.#cluster.nodes) {
      const { account } = this.#cluster.credentials;
      const call = ['shard', 'divide', account, container, '--data', node.data];
      const told = await node.torc(...call).catch(() => undefined);
      if (told === undefined) continue;
      this.#say(`${container} is divided on ${node.name}`);
      return;
    }
  }
}

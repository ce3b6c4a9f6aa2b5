/** An operator who grows, weighs, drains and shrinks a cluster of real processes while everything else befalls it. */
import { decodeRing } from '../../../ring/ring-file.ts';
import { desiredDevices } from '../../../server/rings/desired.ts';
import type { ClusterMap } from '../../../storage/shard/coordinator.ts';
import { SeededRandom } from '../../sim/random.ts';
import { eventually } from '../operator.ts';
import type { NodeProcess, TorcCluster } from './torc-cluster.ts';

/** A change may be asked for when nobody can decide it: then it is asked for again. */
const againMillis = 2000;
const settledSeconds = 300;

const sleep = (millis: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, millis));

export class ClusterRings {
  /** Changes that were taken, by what was done. */
  readonly counts: Map<string, number> = new Map();
  readonly #cluster: TorcCluster;
  /** Joined the cluster; the rings do not know its devices yet. */
  readonly #guest: NodeProcess;
  readonly #random: SeededRandom;
  readonly #say: (line: string) => void;
  #over = false;
  #spares = 0;

  constructor(
    cluster: TorcCluster,
    guest: NodeProcess,
    { seed, say }: { readonly seed: number; readonly say: (line: string) => void },
  ) {
    this.#cluster = cluster;
    this.#guest = guest;
    this.#random = new SeededRandom(seed + 2 ** 20);
    this.#say = say;
  }

  /** One change after the other until `end`. Then what has begun is brought to its end, and the guest is drained. */
  async run(): Promise<void> {
    while (!this.#over) {
      await this.#weigh(this.#guest, [0.5, 1, 2]);
      await this.#settle();
      if (this.#over) break;
      await this.#spare();
      if (this.#over) break;
      await this.#weigh(this.#random.pick(this.#cluster.nodes.slice(0, 3)), [0.5, 1, 1.5]);
      await this.#settle();
      if (this.#over) break;
      await this.#change('drain', this.#guest, ['--node', this.#guest.name]);
      await this.#settle();
    }
  }

  /** No further change is begun. */
  end(): void {
    this.#over = true;
  }

  /** When nothing befalls the cluster any more: the guest leaves, and every ring is what was asked for. */
  async finish(): Promise<void> {
    this.#over = false;
    await this.#change('drain', this.#guest, ['--node', this.#guest.name]);
    await this.#settle();
    await this.#change('remove', this.#guest, ['--node', this.#guest.name]);
    await eventually(
      'the guest has no devices any more',
      async () =>
        (await this.#cluster.map()).devices.every(({ node }) => node !== this.#guest.name),
      settledSeconds,
    );
    await this.#settle();
  }

  async #weigh(node: NodeProcess, weights: readonly number[]): Promise<void> {
    for (const path of node.devices) {
      const weight = String(this.#random.pick(weights));
      await this.#change('set-weight', node, [`${node.name}:${path}`, weight]);
    }
  }

  /** A disk more in a machine; it takes its share, gives it back, and leaves. */
  async #spare(): Promise<void> {
    const node = this.#random.pick(this.#cluster.nodes.slice(0, 3));
    const path = `${node.data}/devices/spare-${++this.#spares}`;
    this.#cluster.disks.make(path);
    await this.#change('add', node, [path, '--weight', '0.5']);
    await this.#settle();
    await this.#change('remove', node, [`${node.name}:${path}`]);
    await this.#settle();
  }

  /** As an operator does: asked for on its node, again and again until it is taken. */
  async #change(what: string, node: NodeProcess, words: readonly string[]): Promise<void> {
    const call = ['ring', what, ...words, '--data', node.data];
    for (let tries = 1; ; tries++) {
      try {
        await node.torc(...call);
        break;
      } catch (error) {
        if (tries === 60) throw error;
        await sleep(againMillis);
      }
    }
    this.#say(`ring ${what} ${words.join(' ')}`);
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  /** Until nothing is left of what was asked for; when it is over, it is for `finish` to wait. */
  async #settle(): Promise<void> {
    const isSettled = async (): Promise<boolean> => {
      if (this.#over) return true;
      return isWhatWasAskedFor(await this.#cluster.map());
    };
    await eventually('every ring is settled', isSettled, settledSeconds);
  }
}

function isWhatWasAskedFor(map: ClusterMap): boolean {
  return (
    map.devices.every(({ isLeaving }) => isLeaving !== true) &&
    map.policies.every(({ ring, former, goal }) => {
      const now = decodeRing(Buffer.from(ring, 'base64'));
      return former === undefined && goal === undefined && desiredDevices(now, map) === undefined;
    })
  );
}

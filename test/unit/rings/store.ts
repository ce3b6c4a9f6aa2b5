/** A store on simulated devices, with objects in it; its background work is stepped by hand. */
import { systemClock } from '../../../base/clock.ts';
import { silentLogger } from '../../../base/log.ts';
import type { DeviceId } from '../../../base/units.ts';
import type { Cell } from '../../../server/cell/cell.ts';
import type { PolicyChoice } from '../../../server/cell/policies.ts';
import type { WorkSettings } from '../../../server/cell/workers.ts';
import { cellSettings } from '../../../server/config/defaults.ts';
import type { Core } from '../../../server/core/api.ts';
import type { RequestContext } from '../../../server/core/request.ts';
import { createCore } from '../../../server/core/core.ts';
import { Machine } from '../cell/fixture.ts';

export const account = 'AUTH_ring';
const context: RequestContext = {
  principal: { type: 'user', account, user: 'ring', role: 'owner' },
};
const at = { account, container: 'things' };

/** Small stripes, so that small bodies have several. */
const settings = {
  write: { ...cellSettings.write, stripeBytes: 16_384 },
  work: { ...cellSettings.work, recheckMillis: 0 },
};

/** By the real clock, on machines that do much else. */
const settleMillis = 150_000;

async function* chunksOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes.slice();
}

export class Store {
  readonly machine: Machine;
  readonly #policies: PolicyChoice;
  readonly written: Map<string, Uint8Array> = new Map();
  #cell: Cell | undefined;
  #core: Core | undefined;
  #isNew = true;

  constructor(devices: number, policies: PolicyChoice, work: Partial<WorkSettings> = {}) {
    this.machine = new Machine(devices, { ...settings, work: { ...settings.work, ...work } });
    this.#policies = policies;
  }

  get cell(): Cell {
    if (this.#cell === undefined) throw new Error('the store is not open');
    return this.#cell;
  }

  /** Opens it, again if need be: what only the process knew is gone then. */
  async open(without: readonly number[] = []): Promise<Cell> {
    await this.#cell?.close();
    const cell = await this.machine.open(this.#policies, without);
    const { rows, bodies } = cell;
    this.#cell = cell;
    this.#core = createCore({
      ...{ rows, bodies, clock: systemClock, random: this.machine.random, logger: silentLogger },
      limits: { inlineBytes: 256, minPartBytes: 0 },
    });
    if (!this.#isNew) return cell;
    this.#isNew = false;
    await this.#core.createContainer(context, at, {
      ...{ claimName: 'if-free', policy: undefined, settings: {} },
    });
    return cell;
  }

  async close(): Promise<void> {
    await this.#cell?.close();
    this.#cell = undefined;
  }

  async put(key: string, size: number): Promise<void> {
    const bytes = this.machine.random.bytes(size);
    await this.#core?.putObject(context, {
      ...{ ...at, key, contentType: 'a/b', system: {}, user: {}, expiresAt: undefined },
      ...{ condition: {}, body: { size, chunks: chunksOf(bytes) } },
    });
    this.written.set(key, bytes);
  }

  /** An object of so many parts. */
  async putParts(key: string, count: number): Promise<void> {
    if (this.#core === undefined) throw new Error('the store is not open');
    const own = { ...at, key };
    const { uploadId } = await this.#core.createUpload(context, {
      ...{ ...own, contentType: 'a/b', system: {}, user: {} },
    });
    const parts = await Promise.all(
      Array.from({ length: count }, async (_, place) => {
        const bytes = this.machine.random.bytes(600);
        const body = { size: bytes.length, chunks: chunksOf(bytes) };
        const part = { ...own, uploadId, partNumber: place + 1, body };
        const { etag } = (await this.#core?.putPart(context, part)) ?? { etag: '' };
        return { partNumber: place + 1, etag, bytes };
      }),
    );
    await this.#core.completeUpload(context, { ...own, uploadId, condition: {}, parts });
    this.written.set(key, Buffer.concat(parts.map(({ bytes }) => bytes)));
  }

  async get(key: string): Promise<Buffer> {
    const reader = await this.#core?.openObject(context, { ...at, key, condition: {} });
    if (reader === undefined) throw new Error('the store is not open');
    const pieces: Uint8Array[] = [];
    for await (const piece of reader.read(0, reader.row.size)) pieces.push(piece);
    return Buffer.concat(pieces);
  }

  /** Keys whose bytes are not what was written. */
  async wrong(): Promise<readonly string[]> {
    const wrong: string[] = [];
    for (const [key, bytes] of this.written) {
      if (Buffer.compare(await this.get(key), bytes) !== 0) wrong.push(key);
    }
    return wrong;
  }

  /** One job of a worker, if there is one. */
  async step(worker: string): Promise<boolean> {
    const loop = this.cell.workers.loops.find(({ status }) => status.name === worker);
    if (loop === undefined) throw new Error(`there is no ${worker}`);
    return loop.step();
  }

  /** Whether any of these had something to do. */
  async stepAll(...workers: readonly string[]): Promise<boolean> {
    let busy = false;
    for (const worker of workers) busy = (await this.step(worker)) || busy;
    return busy;
  }

  /** Until every ring is where it is to be. */
  async settle(): Promise<void> {
    const end = performance.now() + settleMillis;
    while (performance.now() < end) {
      const busy = await this.stepAll('ring-steward', 'rebalancer', 'shard-repair');
      if (!busy && this.isSettled) return;
      // A ring is given up some moments after the last write that went by it.
      if (!busy) await systemClock.sleep(20);
    }
    throw new Error(`rings do not settle: ${JSON.stringify(this.cell.workers.status())}`);
  }

  async until(holds: () => Promise<boolean>): Promise<void> {
    const end = performance.now() + settleMillis;
    while (performance.now() < end) if (await holds()) return;
    throw new Error(`it did not come to hold: ${JSON.stringify(this.cell.workers.status())}`);
  }

  get isSettled(): boolean {
    const { policies } = this.cell.coordinator.current();
    return policies.every(({ former, goal }) => former === undefined && goal === undefined);
  }

  /** Of each device, from its index. */
  async fragments(): Promise<ReadonlyMap<DeviceId, number>> {
    const counts = await Promise.all(
      this.cell.devices().map(async ({ id, fragments }) => {
        const ids = await fragments.scan(undefined, 1e6);
        return [id, ids.length] as const;
      }),
    );
    return new Map(counts);
  }
}

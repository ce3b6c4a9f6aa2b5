/** An operator who adds, weighs, drains and removes devices during a run, and the judge of what is given up. */
import { isStoreError } from '../../../base/errors.ts';
import { type DeviceId, partition } from '../../../base/units.ts';
import { homes } from '../../../ring/homes.ts';
import type { Ring } from '../../../ring/ring.ts';
import { decodeRing } from '../../../ring/ring-file.ts';
import { desiredDevices } from '../../../server/rings/desired.ts';
import type { DeviceChange } from '../../../server/rings/plan.ts';
import { ClaimWalk } from '../../../server/work/claims.ts';
import { stripesOf } from '../../../server/proxy/stripes.ts';
import { heldAt, idsOf } from '../../../server/work/redundancy.ts';
import type { StoredBody } from '../../../server/core/model.ts';
import type { FragmentStore } from '../../../storage/fragment/fragment.ts';
import type { ClusterMap, PolicyState } from '../../../storage/shard/coordinator.ts';
import type { SeededRandom } from '../random.ts';
import type { ClusterWorld, Running } from './world.ts';

const spareMax = 2;
/** What is missing only for so long was being deleted, or written, when it was looked at. */
const confirmMillis = 500;

export class RingChanges {
  readonly #world: ClusterWorld;
  readonly #random: SeededRandom;
  readonly #lines = new Map<string, PolicyState>();
  readonly #judging: Promise<void>[] = [];
  /** Of each judgement that goes on: the rings by which fragments may lie since. */
  readonly #open = new Set<Ring[]>();
  #spares: Extract<DeviceChange, { type: 'add' }>[] = [];
  /** What was given up too early. */
  readonly violations: string[] = [];
  changes = 0;

  constructor(world: ClusterWorld, random: SeededRandom) {
    this.#world = world;
    this.#random = random;
  }

  async begin(): Promise<void> {
    await this.#world.watch((map) => this.#seen(map));
  }

  async loop(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      await this.#world.clock.sleep(1000 + this.#random.fraction() * 7000);
      const up = this.#running();
      if (up.length === 0 || isOver()) continue;
      const { cell, machine, ended } = this.#random.pick(up);
      const change = this.#next(cell.coordinator.current());
      try {
        this.#world.trace(`${machine.name} is asked for ${JSON.stringify(change)}`);
        await Promise.race([cell.rings.changes.apply([change], false), ended]);
        this.changes++;
        this.#world.trace('the change has begun');
      } catch (error) {
        if (!isStoreError(error)) throw error;
        this.#world.trace(`no change: ${error.message}`);
      }
    }
  }

  #running(): readonly Running[] {
    return this.#world.machines.flatMap(({ running }) => running ?? []);
  }

  #next({ devices }: ClusterMap): DeviceChange {
    const device = this.#random.pick(devices).id;
    const roll = this.#random.fraction();
    if (roll < 0.3) return this.#spare();
    if (roll < 0.6) return { type: 'weight', device, weight: 0 };
    if (roll < 0.75) return { type: 'remove', device };
    return { type: 'weight', device, weight: 0.5 + this.#random.fraction() * 1.5 };
  }

  /** A device that did not come to serve is asked for again. */
  #spare(): DeviceChange {
    if (this.#spares.length === spareMax) return this.#random.pick(this.#spares);
    const { name, zone } = this.#random.pick(this.#world.nodes);
    const path = this.#world.addDevice(name);
    const at = { region: 'r1', zone, node: name, path };
    const spare = { type: 'add', at, weight: this.#random.pick([0.5, 1, 3]) } as const;
    this.#spares.push(spare);
    return spare;
  }

  /** Whether rings are what the map's devices ask for, and nobody is leaving any more. */
  isSettled(): boolean {
    const [first] = this.#running();
    const map = first?.cell.coordinator.current();
    if (first === undefined || map === undefined) return false;
    return (
      map.devices.every(({ isLeaving }) => isLeaving !== true) &&
      map.policies.every(
        ({ ring, former, goal }) =>
          former === undefined &&
          goal === undefined &&
          desiredDevices(ringOf(ring), map) === undefined,
      )
    );
  }

  /** Resolves when everything that was given up has been judged. */
  async judged(): Promise<void> {
    await Promise.all(this.#judging.splice(0));
  }

  /** Rings that are not read any more from this moment: nothing may be there that is nowhere else. */
  #seen({ policies }: ClusterMap): void {
    for (const line of policies) {
      const before = this.#lines.get(line.name);
      if (before === line) continue;
      this.#lines.set(line.name, line);
      if (before === undefined) continue;
      const live = [line.ring, ...(line.former ?? [])];
      for (const rings of this.#open) rings.push(...live.map(ringOf));
      const dropped = [before.ring, ...(before.former ?? [])].filter((one) => !live.includes(one));
      if (dropped.length > 0)
        this.#judging.push(this.#judge(live.map(ringOf), dropped.map(ringOf)));
    }
  }

  async #judge(live: Ring[], dropped: readonly Ring[]): Promise<void> {
    this.#open.add(live);
    const first = await this.#leftBehind(live, dropped);
    if (first.size > 0) {
      await this.#world.clock.sleep(confirmMillis);
      const again = await this.#leftBehind(live, dropped);
      for (const [id, what] of again) if (first.has(id)) this.violations.push(what);
    }
    this.#open.delete(live);
  }

  /** By fragment: what lies where a dropped ring had it, and not where any living one has it. Of machines that are up. */
  async #leftBehind(
    live: readonly Ring[],
    dropped: readonly Ring[],
  ): Promise<ReadonlyMap<string, string>> {
    const found = new Map<string, string>();
    for (const stored of await this.#claimed()) {
      const width = live[0]?.width ?? 0;
      for (let index = 0; index < width; index++) {
        if (stored.missing.includes(index)) continue;
        const left = await this.#held(stored, index, dropped);
        // Last, with all rings that there are by now.
        const kept = await this.#held(stored, index, [...live]);
        // One that is not up is not known: it may have what is looked for.
        if (kept === undefined || left === undefined) continue;
        const lost = [...left].filter((stripe) => !kept.has(stripe));
        const id = `${stored.objectId} ${index}`;
        if (lost.length > 0)
          found.set(id, `fragments ${id} of stripes ${lost.join()} are only at a home of before`);
      }
    }
    return found;
  }

  async #held(
    stored: StoredBody,
    index: number,
    rings: readonly Ring[],
  ): Promise<ReadonlySet<number> | undefined> {
    const held = new Set<number>();
    for (const ring of rings) {
      const device = homes(ring, partition(stored.partition))[index];
      const found = device === undefined ? undefined : this.#store(device);
      if (device === undefined || found === undefined) return undefined;
      const { store, ended } = found;
      const ids = idsOf(stored, index, stripesOf(stored));
      const known = await Promise.race([
        heldAt({ device, store }, ids),
        ended.then(() => undefined),
      ]);
      if (known === undefined) return undefined;
      for (const [stripe, has] of known.entries()) if (has) held.add(stripe);
    }
    return held;
  }

  #store(id: DeviceId): { store: FragmentStore; ended: Promise<void> } | undefined {
    for (const { cell, ended } of this.#running()) {
      const found = cell.devices().find((device) => device.id === id);
      if (found !== undefined) return { store: found.fragments, ended };
    }
    return undefined;
  }

  /** Bodies that some living process knows to be claimed. */
  async #claimed(): Promise<readonly StoredBody[]> {
    const bodies: StoredBody[] = [];
    for (const { cell, ended } of this.#running()) {
      const walk = new ClaimWalk(cell.work, 64);
      try {
        for (;;) {
          const page = await Promise.race([walk.next(), ended.then(() => undefined)]);
          if (page === undefined) break;
          bodies.push(...page.map(({ row }) => row.stored));
        }
      } catch (error) {
        if (!isStoreError(error)) throw error;
      }
    }
    return bodies;
  }
}

function ringOf(text: string): Ring {
  return decodeRing(Buffer.from(text, 'base64'));
}

/** A store on simulated devices that is put to every use at random; what it shows can be written down and compared. */
import { systemClock } from '../../../base/clock.ts';
import { isStoreError } from '../../../base/errors.ts';
import { silentLogger } from '../../../base/log.ts';
import type { Cell } from '../../../server/cell/cell.ts';
import { cellSettings } from '../../../server/config/defaults.ts';
import type { Core, UploadAddress } from '../../../server/core/api.ts';
import { createCore } from '../../../server/core/core.ts';
import { localRange } from '../../../server/proxy/row-codec.ts';
import type { VersionRow } from '../../../server/core/model.ts';
import { findPieces } from '../../../server/work/backup/find-pieces.ts';
import { fragmentIndex } from '../../../base/units.ts';
import { type FsckReport, fsck } from '../../../server/work/fsck.ts';
import { type RebuildReport, rebuildShards } from '../../../server/work/backup/rebuild.ts';
import { MemoryKeys } from '../../memory/keys.ts';
import { SeededRandom } from '../../sim/random.ts';
import { listed, Machine } from '../cell/fixture.ts';
import { account, bodyOf, collect, md5, owner, pageQuery } from '../core/fixture.ts';

const policies = listed({ scheme: 'ec:2+1' }, { scheme: 'replica:2' });
export const containers = ['plain', 'versioned', 'copies'] as const;
const keyNames = ['a', 'a/b', 'ü', 'z'] as const;
const busyMillis = 60_000;
/** As clients see them, or as rows that they never see but need. */
export type Written = ReadonlyMap<string, unknown>;

export class BusyStore {
  readonly machine: Machine = new Machine(4, {
    write: { ...cellSettings.write, stripeBytes: 4096 },
    work: { ...cellSettings.work, backupMillis: 0, recheckMillis: 0 },
  });
  readonly #random: SeededRandom;
  readonly #keys: MemoryKeys;
  #uploads: UploadAddress[] = [];
  #cell: Cell | undefined;
  #core: Core | undefined;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
    this.#keys = new MemoryKeys(this.#random);
  }

  get cell(): Cell {
    if (this.#cell === undefined) throw new Error('the store is not open');
    return this.#cell;
  }

  get core(): Core {
    if (this.#core === undefined) throw new Error('the store is not open');
    return this.#core;
  }

  async open(without: readonly number[] = []): Promise<void> {
    this.#cell = await this.machine.open(policies, without);
    const { rows, bodies } = this.#cell;
    const { random } = this.machine;
    this.#core = createCore({
      ...{ rows, bodies, clock: systemClock, random, logger: silentLogger, keys: this.#keys },
      limits: { inlineBytes: 256, minPartBytes: 0 },
    });
  }

  async close(): Promise<void> {
    await this.#cell?.close();
    this.#cell = undefined;
  }

  /** The process ends, and with it go every log and every index of these devices; default: of all. */
  async lose(places?: readonly number[]): Promise<void> {
    await this.close();
    await this.machine.loseMetadata(places);
  }

  async makeContainers(): Promise<void> {
    for (const container of containers) {
      const versioning = container === 'versioned' ? 'enabled' : 'off';
      const policy = container === 'copies' ? 'replica:2' : undefined;
      const settings = { read: container };
      const options = { claimName: 'if-free', policy, settings, versioning } as const;
      await this.core.createContainer(owner, { account, container }, options);
    }
  }

  #pick<Item>(items: readonly Item[]): Item {
    const item = items[Math.floor(this.#random.fraction() * items.length)];
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  }

  #bytes(): Uint8Array {
    return this.#random.bytes(this.#pick([0, 10, 200, 3000, 9000, 20_000]));
  }

  #address(): { account: string; container: (typeof containers)[number]; key: string } {
    return { account, container: this.#pick(containers), key: this.#pick(keyNames) };
  }

  #description(): { contentType: string; system: object; user: Record<string, string> } {
    return {
      contentType: this.#pick(['a/b', 'text/plain']),
      system: {},
      user: { n: `${this.#random.fraction()}` },
    };
  }

  /** Some things, some of which are refused. */
  async use(steps: number): Promise<void> {
    const step = (): Promise<void> => this.#step().catch(ignoreRefusal);
    // Background work goes on beside it.
    for (let i = 0; i < steps; i++) await Promise.all([step(), step(), this.work()]);
  }

  async useWithoutWork(steps: number): Promise<void> {
    for (let i = 0; i < steps; i++) await this.#step().catch(ignoreRefusal);
  }

  async work(): Promise<boolean> {
    let busy = false;
    for (const name of ['backup-keeper', 'reaper', 'shard-repair']) {
      const loop = this.cell.workers.loops.find(({ status }) => status.name === name);
      busy = (await loop?.step()) === true || busy;
    }
    return busy;
  }

  async #step(): Promise<void> {
    const at = this.#address();
    const describe = { ...this.#description(), condition: {} } as const;
    const kind = this.#random.fraction();
    if (kind < 0.4) {
      const encryption = this.#random.fraction() < 0.4 ? ({ by: 'key-ring' } as const) : undefined;
      await this.core.putObject(owner, {
        ...at,
        ...describe,
        system: {},
        body: bodyOf(this.#bytes()),
        encryption,
      });
    } else if (kind < 0.5) {
      await this.core.deleteObject(owner, { ...at, condition: {} });
    } else if (kind < 0.55) {
      const page = await this.core.listVersions(owner, at, { ...pageQuery(), limit: 50 });
      const rows = page.items.flatMap((item) => (item.type === 'row' ? [item] : []));
      if (rows.length === 0) return;
      const { name: key, row } = this.#pick(rows);
      const versionId = row.isNull ? 'null' : row.version.toString(16).padStart(16, '0');
      await this.core.deleteObject(owner, { ...at, key, versionId, condition: {} });
    } else if (kind < 0.65) {
      await this.core.updateObject(owner, at, { user: describe.user });
    } else if (kind < 0.7) {
      const source = this.#pick(keyNames);
      await this.core.renameObject(owner, { ...at, source, sourceCondition: {}, condition: {} });
    } else if (kind < 0.75) {
      const parts = [{ type: 'object', container: 'plain', key: this.#pick(keyNames) } as const];
      await this.core.putManifest(owner, { ...at, ...describe, system: {}, parts });
    } else if (kind < 0.8) {
      await this.core.updateContainer(owner, at, { settings: { read: `${kind}` } });
    } else if (kind < 0.87) {
      const { uploadId } = await this.core.createUpload(owner, { ...at, ...describe, system: {} });
      this.#uploads.push({ ...at, uploadId });
    } else {
      await this.#stepOfUpload(kind);
    }
  }

  async #stepOfUpload(kind: number): Promise<void> {
    if (this.#uploads.length === 0) return;
    const upload = this.#pick(this.#uploads);
    if (kind < 0.95) {
      const partNumber = this.#pick([1, 2, 3]);
      await this.core.putPart(owner, { ...upload, partNumber, body: bodyOf(this.#bytes()) });
      return;
    }
    this.#uploads = this.#uploads.filter((one) => one !== upload);
    if (kind < 0.96) return this.core.abortUpload(owner, upload);
    const { parts } = await this.core.listParts(owner, upload, 0, 10);
    await this.core.completeUpload(owner, { ...upload, parts, condition: {} });
  }

  putSmall(key: string): Promise<void> {
    return this.#putPlain(key, 10);
  }

  putLarge(key: string): Promise<void> {
    return this.#putPlain(key, 9000);
  }

  async #putPlain(key: string, size: number): Promise<void> {
    const at = { account, container: 'plain', key, contentType: 'a/b', system: {}, user: {} };
    await this.core.putObject(owner, {
      ...at,
      condition: {},
      body: bodyOf(this.#random.bytes(size)),
    });
  }

  /** Pieces of backups that rows name. */
  async pieces(): Promise<number> {
    const range = { ...localRange('backup'), limit: 10_000 };
    const pages = await Promise.all(this.cell.group.all().map((shard) => shard.scan(range)));
    return pages.flat().length;
  }

  /** Until the backup of every shard has all commits. */
  async backUp(): Promise<void> {
    const end = performance.now() + busyMillis;
    while (performance.now() < end) {
      const busy = await this.work();
      const { shards, followed, waiting } = this.cell.workers.backupKeeper?.counts ?? {};
      if (!busy && shards === followed && waiting === 0) return;
    }
    throw new Error(`backups do not follow: ${JSON.stringify(this.cell.workers.status())}`);
  }

  /** Everything that clients could see, byte by byte. */
  async written(): Promise<Written> {
    const seen = new Map<string, unknown>();
    for (const container of containers) {
      const at = { account, container };
      const { row, usage } = await this.core.headContainer(owner, at);
      seen.set(container, { row, usage });
      const page = await this.core.listVersions(owner, at, { ...pageQuery(), limit: 1000 });
      for (const item of page.items) {
        if (item.type !== 'row') continue;
        const name = `${container}/${item.name}/${item.row.version}`;
        seen.set(name, { ...item, bytes: await this.#bytesOf(container, item.name, item.row) });
      }
      const uploads = await this.core.listUploads(owner, at, { ...pageQuery(), limit: 1000 });
      for (const item of uploads.items) {
        if (item.type !== 'row') continue;
        const upload = { ...at, key: item.name, uploadId: item.row.uploadId };
        seen.set(`${container}/${item.name}/${item.row.uploadId}`, {
          ...(await this.core.listParts(owner, upload, 0, 10)),
        });
      }
    }
    seen.set('account', await this.core.headAccount(owner, account));
    return seen;
  }

  async #bytesOf(container: string, key: string, row: VersionRow): Promise<string> {
    if (row.kind === 'delete-marker') return '';
    const versionId = row.isNull ? 'null' : row.version.toString(16).padStart(16, '0');
    const at = { account, container, key, versionId, condition: {}, asManifest: true };
    const reader = await this.core.openObject(owner, at);
    return md5(await collect(reader.read(0, reader.row.size)));
  }

  /** Pieces that were stored since then lose all fragments but one. Returns how many there were. */
  async spoilPieces(since: number): Promise<number> {
    const { placement, coordinator } = this.cell;
    const pieces = await findPieces(placement, coordinator.current().clusterId);
    let spoilt = 0;
    for (const { body, header } of [...pieces.values()].flat()) {
      if (header.createdAt < since) continue;
      spoilt++;
      const { objectId } = body;
      for (const { store } of placement.places()) {
        for (const index of [1, 2]) {
          await store?.removeOne({ objectId, stripe: 0, index: fragmentIndex(index) });
        }
      }
    }
    return spoilt;
  }

  rebuild(givesUp = false): Promise<RebuildReport> {
    const { placement, coordinator, group } = this.cell;
    const parts = { placement, coordinator, group, clock: systemClock, logger: silentLogger };
    return rebuildShards(parts, givesUp);
  }

  count(): Promise<FsckReport> {
    const { placement, work: own, group: all } = this.cell;
    const devices = this.cell.devices().map(({ id, fragments }) => ({ id, store: fragments }));
    return fsck({ placement, own, all, devices: () => devices });
  }
}

function ignoreRefusal(error: unknown): void {
  if (!isStoreError(error)) throw error;
}

/** A shard as this process serves it: finds a primary among the local replicas, and another when that one is lost. */
import type { Clock } from '../../../base/clock.ts';
import { StoreError, isStoreError, toStoreError } from '../../../base/errors.ts';
import type { Logger } from '../../../base/log.ts';
import { type DeviceId, type ShardId, deviceId } from '../../../base/units.ts';
import type { Coordinator, Lease } from '../coordinator.ts';
import type { ShardDevice } from '../device.ts';
import { establish } from './establish.ts';
import { listPage, scanRows } from '../list.ts';
import { healBody } from './heal.ts';
import { ShardPrimary } from './primary.ts';
import type { LocalReplica } from '../replica/replica.ts';
import type { StoredRow } from '../row.ts';
import type { ShardSettings } from '../settings.ts';
import type {
  ListPage,
  ListQuery,
  Row,
  ScanRange,
  Shard,
  ShardState,
  StateMachine,
} from '../shard.ts';

export interface ServedShardOptions {
  readonly id: ShardId;
  /** The devices of this process; may change while the shard is served. */
  readonly devices: ReadonlyMap<DeviceId, ShardDevice>;
  readonly stateMachine: StateMachine;
  readonly coordinator: Coordinator;
  /** Without one the process serves for as long as it runs. */
  readonly lease: Lease | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: ShardSettings;
}

export class ServedShard implements Shard {
  readonly id: ShardId;
  readonly #options: ServedShardOptions;
  #primary: ShardPrimary | undefined;
  #establishing: Promise<void> | undefined;
  #failure: StoreError | undefined;
  #cancelRetry: (() => void) | undefined;
  #closed = false;

  constructor(options: ServedShardOptions) {
    this.id = options.id;
    this.#options = options;
  }

  /** The primary that serves now; undefined while there is none. */
  get primary(): ShardPrimary | undefined {
    return this.#primary;
  }

  /** Why there is no primary. */
  get failure(): StoreError | undefined {
    return this.#primary === undefined ? this.#failure : undefined;
  }

  get state(): ShardState {
    const { id } = this;
    const state = this.#options.coordinator.current().shards.find((shard) => shard.id === id);
    if (state === undefined) {
      throw new StoreError('internal', 'shard.open', 'the map does not know the shard');
    }
    return state;
  }

  /** Finds a primary unless there is one; never rejects: without one the shard answers `unavailable` and tries again later. */
  open(): Promise<void> {
    if (this.#primary !== undefined || this.#closed) return Promise.resolve();
    this.#establishing ??= this.#establish(new Set()).finally(() => {
      this.#establishing = undefined;
    });
    return this.#establishing;
  }

  async #establish(excluded: Set<DeviceId>): Promise<void> {
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    const { devices, coordinator, clock, settings } = this.#options;
    const replicaOn = (device: DeviceId): LocalReplica | undefined => {
      const found = excluded.has(device) ? undefined : devices.get(device);
      return found?.failure === undefined ? found?.replica(this.id) : undefined;
    };
    // An election stands in the way of every request: it has as much patience as they.
    const answerMillis = 2 * settings.patienceMillis;
    const tools = { coordinator, replicaOn, clock, answerMillis };
    // Each attempt leaves at least one more device out.
    while (!this.#closed) {
      try {
        const { state, local, peers } = await establish(this.state, tools);
        await this.#take(state, local, peers);
        return;
      } catch (cause) {
        const error = toStoreError(cause, 'shard.open');
        const device = error.detail['device'];
        if (typeof device === 'number' && !excluded.has(deviceId(device))) {
          excluded.add(deviceId(device));
          continue;
        }
        this.#failure = error;
        this.#retryLater(error);
        return;
      }
    }
  }

  async #take(
    state: ShardState,
    local: LocalReplica,
    peers: readonly LocalReplica[],
  ): Promise<void> {
    const { stateMachine, coordinator, clock, logger, settings } = this.#options;
    await local.flush();
    if (this.#closed) return;
    this.#primary = new ShardPrimary({
      state,
      local,
      peers,
      stateMachine,
      coordinator,
      clock,
      logger,
      settings,
      onLost: (error, device) => this.#lost(error, device),
    });
  }

  #retryLater(error: StoreError): void {
    const { logger, clock, settings } = this.#options;
    const fields = { event: 'shard.unavailable', shard: this.id, reason: error.message };
    logger.warn(fields, 'A shard has no primary; it is tried again.');
    this.#cancelRetry = clock.after(settings.patienceMillis, () => {
      void this.open();
    });
  }

  #lost(error: StoreError, device: DeviceId | undefined): void {
    this.#primary = undefined;
    if (this.#closed) return;
    const { logger } = this.#options;
    const fields = { event: 'shard.primary-lost', shard: this.id, reason: error.message };
    logger.warn(fields, "A shard's primary is lost; another replica takes over.");
    const excluded = new Set(device === undefined ? [] : [device]);
    this.#establishing = this.#establish(excluded).finally(() => {
      this.#establishing = undefined;
    });
  }

  /** A device has failed: its replica leaves the in-sync set, or hands the shard over. */
  deviceFailed(device: DeviceId, error: StoreError): void {
    this.#primary?.deviceFailed(device, error);
  }

  /** The primary, after waiting for a change of primary that is under way. */
  async #serving(): Promise<ShardPrimary> {
    if (this.#primary === undefined) await this.#establishing;
    if (this.#options.lease?.held() === false) {
      throw new StoreError('unavailable', 'shard', 'this node may not serve the shard now');
    }
    if (this.#primary !== undefined) return this.#primary;
    throw new StoreError('unavailable', 'shard', 'the shard has no primary', {
      cause: this.#failure,
      detail: { shard: this.id },
    });
  }

  async execute(command: unknown): Promise<unknown> {
    const primary = await this.#serving();
    return primary.execute(command);
  }

  /** Reads from the primary; when its index proves damaged, once more from the next primary. */
  async #read<Result>(read: (primary: ShardPrimary) => Promise<Result>): Promise<Result> {
    const primary = await this.#serving();
    try {
      return await read(primary);
    } catch (error) {
      if (!isStoreError(error, 'corrupt')) throw error;
      primary.damaged(error);
      return read(await this.#serving());
    }
  }

  get(key: Uint8Array): Promise<Row | undefined> {
    return this.#read(async ({ local }) => local.get(key));
  }

  getWithBody(key: Uint8Array): Promise<{ row: Row; body: Uint8Array | undefined } | undefined> {
    return this.#read(async (primary) => {
      const row = primary.local.get(key);
      if (row === undefined) return undefined;
      if (row.body === undefined) return { row, body: undefined };
      return (await readBody(primary, row)) ?? (await this.#readAgain(primary, row));
    });
  }

  /** The body was not where the row said: it has moved meanwhile, or its bytes are bad here. */
  async #readAgain(
    primary: ShardPrimary,
    before: StoredRow,
  ): Promise<{ row: Row; body: Uint8Array | undefined } | undefined> {
    const row = primary.local.get(before.key);
    if (row === undefined) return undefined;
    if (row.body === undefined) return { row, body: undefined };
    const found = await readBody(primary, row);
    if (found !== undefined) return found;
    const body = await healBody(primary, row, this.#options.logger);
    if (body !== undefined) return { row, body };
    throw new StoreError('unavailable', 'shard.getWithBody', 'no replica has the body whole', {
      detail: { shard: this.id, corrupt: true },
    });
  }

  scan(range: ScanRange): Promise<readonly Row[]> {
    return this.#read(async (primary) => {
      const { index, rows } = primary.local;
      await primary.local.flush();
      return scanRows(index, rows.prefix, range);
    });
  }

  list(query: ListQuery): Promise<ListPage> {
    return this.#read(async (primary) => {
      const { index, rows } = primary.local;
      await primary.local.flush();
      return listPage(index, rows.prefix, query);
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelRetry?.();
    await this.#establishing;
    const primary = this.#primary;
    this.#primary = undefined;
    await primary?.settleAll().catch(() => undefined);
    primary?.stop(new StoreError('cancelled', 'shard.close', 'the shard is being closed'));
  }
}

async function readBody(
  primary: ShardPrimary,
  row: StoredRow,
): Promise<{ row: Row; body: Uint8Array } | undefined> {
  const body = await primary.local.bodyOf(row);
  return body === undefined ? undefined : { row, body };
}

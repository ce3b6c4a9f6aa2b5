/**
 * Every state that a power cut may leave while a shard commits: acknowledged commits are there,
 * others wholly or not at all, and always a beginning of the order. The index is not synced, so it
 * is met with all its writes, with none since the last synced one, and with a gap among them.
 */
import { MemoryLevel } from 'memory-level';
import { describe, expect, it } from 'vitest';
import { fromUtf8 } from '../../base/bytes.ts';
import { isStoreError } from '../../base/errors.ts';
import { silentLogger } from '../../base/log.ts';
import { deviceId, epoch, shardId } from '../../base/units.ts';
import type { ClusterMap, Coordinator } from '../../storage/shard/coordinator.ts';
import { ShardDevice } from '../../storage/shard/device.ts';
import { ShardGroup } from '../../storage/shard/group.ts';
import { SimClock } from '../sim/clock.ts';
import { CrashRecorder, type CrashState, enumerateCrashStates } from '../sim/crash-states.ts';
import { SimDisk } from '../sim/disk.ts';
import { dropSyncs, type SyncCall } from '../sim/dropped-syncs.ts';
import { type Command, keyOf, region, stateMachine } from '../unit/storage/shard/world.ts';

type IndexWrite = { type: 'put' | 'del'; key: Uint8Array; value?: Uint8Array };
type Mark =
  | { readonly type: 'index'; readonly writes: readonly IndexWrite[]; readonly synced: boolean }
  | { readonly type: 'map'; readonly map: ClusterMap }
  | CountMark;
interface CountMark {
  readonly type: 'issued' | 'acknowledged';
  readonly count: number;
}

type Level = MemoryLevel<Uint8Array, Uint8Array>;
const openLevel = (): Level =>
  new MemoryLevel({ keyEncoding: 'view', valueEncoding: 'view', storeEncoding: 'view' });

const route = '00'.repeat(16);
const one = deviceId(1);
const firstMap: ClusterMap = {
  format: 1,
  clusterId: route,
  version: 1,
  devices: [],
  policies: [],
  defaultPolicy: 'none',
  shards: [
    { id: shardId(1), start: route, epoch: epoch(1), replicas: [one], primary: one, inSync: [one] },
  ],
};

/** A coordinator that never fails: what it takes is durable at once. */
function coordinatorOf(first: ClusterMap, note: (map: ClusterMap) => void): Coordinator {
  let map = first;
  return {
    current: () => map,
    updateShard: async (id, next) => {
      const shards = map.shards.map((shard) => (shard.id === id ? next : shard));
      map = { ...map, version: map.version + 1, shards };
      note(map);
      return map;
    },
    reshape: () => Promise.reject(new Error('not here')),
    updateDevice: async () => map,
    addDevice: async () => map,
    removeDevice: async () => map,
    updatePolicy: async () => map,
    setDefaultPolicy: async () => map,
    watch: () => () => undefined,
    lease: () => Promise.reject(new Error('nobody asks for a lease here')),
    close: async () => undefined,
  };
}

/** Tells every write to the index, in order, before it happens. */
function recordingLevel(
  level: Level,
  note: (writes: IndexWrite[], synced: boolean) => void,
): Level {
  return new Proxy(level, {
    get(target, property): unknown {
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== 'function') return value;
      if (property === 'batch') {
        return (writes: IndexWrite[], options?: { sync?: boolean }): unknown => {
          note(writes, options?.sync === true);
          return Reflect.apply(value, target, [writes, options]);
        };
      }
      if (property === 'del') {
        return (key: Uint8Array): unknown => {
          note([{ type: 'del', key }], false);
          return Reflect.apply(value, target, [key]);
        };
      }
      return value.bind(target) as unknown;
    },
  });
}

const commands: readonly Command[] = [
  { type: 'put', name: 'a', text: '1', body: 'body one' },
  { type: 'put', name: 'b', text: '2' },
  { type: 'put', name: 'a', text: '3', body: 'body three'.padEnd(5000, 'x') },
  { type: 'move', from: 'a', name: 'c', text: '4' },
  { type: 'delete', name: 'b' },
  { type: 'put', name: 'd', text: '6', body: 'body six' },
  { type: 'put', name: 'c', text: '7'.padEnd(3000, 'y') },
  { type: 'move', from: 'd', name: 'a', text: '8' },
  { type: 'put', name: 'e', text: '9', body: 'e' },
];
/** After how many commands the device makes a checkpoint. */
const checkpointAfter = 5;

type State = ReadonlyMap<string, string>;

/** The specification: what rows there are after each number of commands. */
const expectedStates: readonly State[] = (() => {
  const states: State[] = [new Map()];
  let bodies = new Map<string, { text: string; body: string }>();
  for (const command of commands) {
    const next = new Map(bodies);
    if (command.type === 'put') {
      next.set(command.name, { text: command.text, body: command.body ?? '-' });
    } else if (command.type === 'delete') next.delete(command.name);
    else if (command.type === 'move') {
      next.set(command.name, { text: command.text, body: bodies.get(command.from)?.body ?? '-' });
      next.delete(command.from);
    }
    bodies = next;
    states.push(new Map([...bodies].map(([name, row]) => [name, `${row.text} ${row.body}`])));
  }
  return states;
})();

const settings = { segmentBytes: 16 * 1024 };

async function openShard(
  parts: { readonly disk: Parameters<typeof ShardDevice.open>[0]['disk']; readonly index: Level },
  coordinator: Coordinator,
): Promise<{ device: ShardDevice; group: ShardGroup }> {
  const clock = new SimClock();
  const device = await ShardDevice.open({ id: one, ...parts, clock, settings });
  const logger = silentLogger;
  const devices = [device];
  const group = await ShardGroup.open({ coordinator, devices, stateMachine, clock, logger });
  return { device, group };
}

async function record(dropped: (call: SyncCall) => boolean): Promise<CrashRecorder<Mark>> {
  const disk = new SimDisk();
  const recorder = new CrashRecorder<Mark>(disk);
  const index = recordingLevel(openLevel(), (writes, synced) =>
    recorder.mark({ type: 'index', writes: [...writes], synced }),
  );
  const coordinator = coordinatorOf(firstMap, (map) => recorder.mark({ type: 'map', map }));
  const { device, group } = await openShard({ disk: dropSyncs(disk, dropped), index }, coordinator);
  const shard = group.route(route);
  let issued = 0;
  let acknowledged = 0;
  const run = async (command: Command): Promise<void> => {
    recorder.mark({ type: 'issued', count: ++issued });
    await shard.execute(command);
    recorder.mark({ type: 'acknowledged', count: ++acknowledged });
  };
  for (const [place, command] of commands.entries()) {
    if (place === checkpointAfter) await device.checkpoint();
    // Some together, so that a batch holds several and commits pile up behind it.
    if (place % 3 === 1) void run(command);
    else await run(command);
  }
  await group.close();
  await device.close();
  recorder.stop();
  return recorder;
}

/** What the index may hold after the crash: all, only what was synced, or a gap in what was not. */
async function indexesOf(marks: readonly Mark[]): Promise<Level[]> {
  const batches = marks.filter((mark) => mark.type === 'index');
  const synced = batches.findLastIndex((mark) => mark.synced) + 1;
  const kept: ((place: number) => boolean)[] = [
    () => true,
    (place) => place < synced,
    (place) => place < synced || place % 2 === 0,
  ];
  return Promise.all(
    kept.map(async (isKept) => {
      const level = openLevel();
      for (const [place, { writes }] of batches.entries()) {
        if (!isKept(place)) continue;
        for (const write of writes) {
          if (write.value === undefined) await level.del(write.key);
          else await level.put(write.key, write.value);
        }
      }
      return level;
    }),
  );
}

async function stateOf(group: ShardGroup): Promise<State> {
  const shard = group.route(route);
  const none = new Uint8Array(0);
  const page = await shard.list({
    region,
    prefix: none,
    delimiter: none,
    after: undefined,
    before: undefined,
    reverse: false,
    limit: 100,
  });
  const rows = new Map<string, string>();
  for (const { name } of page.items) {
    const found = await shard.getWithBody(keyOf(fromUtf8(name)));
    if (found === undefined) throw new Error('a listed row is not there');
    const { row, body } = found;
    rows.set(fromUtf8(name), `${fromUtf8(row.meta)} ${body === undefined ? '-' : fromUtf8(body)}`);
  }
  return rows;
}

/** What is wrong with the state, or undefined. */
async function check(state: CrashState<Mark>, index: Level): Promise<string | undefined> {
  const last = (type: 'issued' | 'acknowledged'): number =>
    state.marks.findLast((mark): mark is CountMark => mark.type === type)?.count ?? 0;
  const map = state.marks.findLast((mark) => mark.type === 'map')?.map ?? firstMap;
  const coordinator = coordinatorOf(map, () => undefined);
  const disk = state.disk.clone();
  const { device, group } = await openShard({ disk, index }, coordinator);
  let found: State;
  try {
    found = await stateOf(group);
  } catch (error) {
    if (isStoreError(error)) return `${error.kind}: ${error.message}`;
    throw error;
  } finally {
    await group.close();
    await device.close();
  }
  const text = JSON.stringify([...found]);
  const possible = expectedStates.slice(last('acknowledged'), last('issued') + 1);
  const fits = possible.some((expected) => JSON.stringify([...expected].sort()) === text);
  return fits ? undefined : `${text} after ${last('acknowledged')} acknowledged`;
}

async function findFault(recorder: CrashRecorder<Mark>): Promise<string | undefined> {
  let states = 0;
  for (const state of enumerateCrashStates(recorder, { allSubsetsUpTo: 3, randomPerStep: 2 })) {
    for (const [place, index] of (await indexesOf(state.marks)).entries()) {
      states++;
      const fault = await check(state, index);
      if (fault !== undefined) return `${state.description}, index ${place}: ${fault}`;
    }
  }
  expect(states).toBeGreaterThan(200);
  return undefined;
}

describe('a power cut while a shard commits', () => {
  it('loses nothing acknowledged and leaves nothing half', async () => {
    expect(await findFault(await record(() => false))).toBeUndefined();
  }, 60_000);

  it('would lose acknowledged commits without the sync of the log', async () => {
    const dropped = (call: SyncCall): boolean =>
      call.kind === 'file' && call.path.startsWith('log/');
    expect(await findFault(await record(dropped))).toBeDefined();
  });

  it("would lose acknowledged commits without the sync of the log's folder", async () => {
    const dropped = (call: SyncCall): boolean => call.kind === 'folder' && call.path === 'log';
    expect(await findFault(await record(dropped))).toBeDefined();
  });
});

/** Runs a scenario on a device, and checks every state that a crash in it may leave behind. */
import type { Disk } from '../../base/disk.ts';
import { isStoreError } from '../../base/errors.ts';
import { deviceId } from '../../base/units.ts';
import type { IndexBatch, KeyValueStore } from '../../storage/device/fragment-index.ts';
import type { DeviceFragmentStore } from '../../storage/device/fragment-store.ts';
import { initialiseDevice, openSuperblock } from '../../storage/device/superblock.ts';
import { CrashRecorder, enumerateCrashStates } from '../sim/crash-states.ts';
import { SimDisk } from '../sim/disk.ts';
import {
  bytesOf,
  deviceUuid,
  fragment,
  memoryIndex,
  openStore,
} from '../unit/storage/device/device-fixture.ts';

type Batch = IndexBatch['operations'];

export type Mark =
  | { readonly type: 'index'; readonly operations: Batch; readonly synced: boolean }
  /** Acknowledged from here on: fragments of these seeds, all `unitLength` long. */
  | { readonly type: 'committed'; readonly seeds: readonly number[] }
  /** Asked for from here on: may or may not still be there. */
  | { readonly type: 'removing'; readonly seeds: readonly number[] };

export const unitLength: number = 5000;
export const clusterId: string = 'c1'.repeat(16);
const options = { volumeBytes: 32 * 1024, checkpointBytes: 20 * 1024, reserveBytes: 0 };

/** An index in memory which notes every batch, as what a crash leaves of it is chosen later. */
export function recordedIndex(
  note: (mark: Mark) => void,
  store: KeyValueStore = memoryIndex(),
): KeyValueStore {
  return new Proxy(store, {
    get(target, name) {
      if (name === 'batch') {
        return async (operations: Batch, settings: { sync?: boolean }): Promise<void> => {
          note({ type: 'index', operations, synced: settings.sync === true });
          await target.batch(operations, { keyEncoding: 'view', valueEncoding: 'view' });
        };
      }
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/**
 * What LevelDB may have kept: everything; nothing un-synced; of what came between the last two
 * synced batches only the synced ones (its log switch does not sync); or nothing at all.
 */
export function keptBatches(marks: readonly Mark[]): (readonly Batch[])[] {
  const batches = marks.filter((mark) => mark.type === 'index');
  const synced = batches.map((batch, i) => (batch.synced ? i : -1)).filter((i) => i >= 0);
  const last = synced.at(-1) ?? -1;
  const before = synced.at(-2) ?? -1;
  const choices = [
    batches,
    batches.slice(0, last + 1),
    batches.filter((batch, i) => i <= before || batch.synced),
    batches.filter((batch, i) => i <= before || batch.synced || i % 2 === 0),
    [],
  ];
  return choices.map((kept) => kept.map(({ operations }) => operations));
}

async function indexOf(batches: readonly Batch[]): Promise<KeyValueStore> {
  const index = memoryIndex();
  for (const operations of batches) {
    await index.batch(operations, { keyEncoding: 'view', valueEncoding: 'view' });
  }
  return index;
}

/** Sentences about what is wrong with the fragments of an opened store. */
async function problemsOf(
  store: DeviceFragmentStore,
  marks: readonly Mark[],
  seeds: readonly number[],
): Promise<string[]> {
  const committed = new Set(marks.flatMap((mark) => (mark.type === 'committed' ? mark.seeds : [])));
  const removing = new Set(marks.flatMap((mark) => (mark.type === 'removing' ? mark.seeds : [])));
  const problems: string[] = [];
  for (const seed of seeds) {
    const must = committed.has(seed) && !removing.has(seed);
    try {
      const read = await store.read(fragment(seed, unitLength).header);
      if (read === undefined && must) problems.push(`fragment ${seed} is lost`);
      const right =
        read === undefined || Buffer.compare(read.bytes, bytesOf(seed, unitLength)) === 0;
      if (!right) problems.push(`fragment ${seed} has other bytes`);
    } catch (error) {
      if (!isStoreError(error)) throw error;
      problems.push(`fragment ${seed}: ${error.message}`);
    }
  }
  return problems;
}

/** Opens a device as a crash left it, uses it, crashes it once more, and opens it again. */
async function checkState(
  disk: SimDisk,
  index: KeyValueStore,
  marks: readonly Mark[],
  seeds: readonly number[],
): Promise<string[]> {
  const state = await openSuperblock(disk, { clusterId, deviceUuid });
  if (state.state !== 'ok') return [`the superblock is ${state.state}`];
  const store = await openStore(disk, index, options);
  const problems = await problemsOf(store, marks, seeds);
  const fresh = 1000;
  const more: Mark = { type: 'committed', seeds: [fresh] };
  await store.append([fragment(fresh, unitLength)]);
  await store.commit();
  problems.push(...(await problemsOf(store, [more], [fresh])));
  // What was found at the first opening must not hang on an un-synced page.
  disk.crashWith(() => 'lost');
  const again = await openStore(disk, index, options);
  const later = await problemsOf(again, [...marks, more], [...seeds, fresh]);
  return [...problems, ...later.map((problem) => `after a second crash ${problem}`)];
}

export interface CheckResult {
  readonly states: number;
  readonly problems: readonly string[];
}

export interface Scenario {
  /** Before the recording: on a good disk. */
  readonly prepare: (store: DeviceFragmentStore, note: (mark: Mark) => void) => Promise<void>;
  /** Recorded. */
  readonly run: (store: DeviceFragmentStore, note: (mark: Mark) => void) => Promise<void>;
  readonly seeds: readonly number[];
}

/** `wrap` may drop syncs of the recorded part: then problems must show. Stops after the first few. */
export async function checkScenario(
  scenario: Scenario,
  wrap: (disk: Disk) => Disk = (disk) => disk,
): Promise<CheckResult> {
  const disk = new SimDisk();
  await initialiseDevice(disk, { deviceUuid, clusterId, deviceId: deviceId(1), createdAt: 0 });
  const earlier: Mark[] = [];
  let note = (mark: Mark): unknown => earlier.push(mark);
  const noteNow = (mark: Mark): void => void note(mark);
  const store = await openStore(wrap(disk), recordedIndex(noteNow), options);
  await scenario.prepare(store, noteNow);
  const recorder = new CrashRecorder<Mark>(disk);
  note = (mark) => recorder.mark(mark);
  await scenario.run(store, noteNow);
  recorder.stop();
  const problems: string[] = [];
  let states = 0;
  for (const state of enumerateCrashStates(recorder, { randomPerStep: 3 })) {
    const marks = [...earlier, ...state.marks];
    for (const [choice, batches] of keptBatches(marks).entries()) {
      states++;
      const index = await indexOf(batches);
      const found = await checkState(state.disk.clone(), index, marks, scenario.seeds);
      problems.push(...found.map((problem) => `${state.description}, index ${choice}: ${problem}`));
    }
    if (problems.length > 5) break;
  }
  return { states, problems };
}

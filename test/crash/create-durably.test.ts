/** The enumeration itself, on the smallest durable operation there is. */
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../base/bytes.ts';
import { createDurably, type Disk } from '../../base/disk.ts';
import { CrashRecorder, enumerateCrashStates } from '../sim/crash-states.ts';
import { SimDisk } from '../sim/disk.ts';
import { dropSyncs } from '../sim/dropped-syncs.ts';

const old = utf8('old '.repeat(500));
const young = utf8('young '.repeat(1000));

/** Problems found over all crash states of one replacement. */
async function check(wrap: (disk: Disk) => Disk): Promise<{ states: number; problems: string[] }> {
  const disk = new SimDisk();
  await disk.makeDirectory('d');
  await disk.syncDirectory('');
  await createDurably(disk, 'd/file', old);
  const recorder = new CrashRecorder<'done'>(disk);
  await createDurably(wrap(disk), 'd/file', young);
  recorder.mark('done');
  const problems: string[] = [];
  let states = 0;
  for (const state of enumerateCrashStates(recorder)) {
    states++;
    const bytes = await state.disk.readAll('d/file');
    const isOld = bytes !== undefined && Buffer.compare(bytes, old) === 0;
    const isYoung = bytes !== undefined && Buffer.compare(bytes, young) === 0;
    if (!(isYoung || (isOld && state.marks.length === 0))) problems.push(state.description);
  }
  return { states, problems };
}

describe('createDurably in every crash state', () => {
  it('is the old or the new file, and the new one once it resolved', async () => {
    const { states, problems } = await check((disk) => disk);
    expect(problems).toEqual([]);
    expect(states).toBeGreaterThan(8);
  });

  it("is caught without the file's sync", async () => {
    const { problems } = await check((disk) => dropSyncs(disk, ({ kind }) => kind === 'file'));
    expect(problems.length).toBeGreaterThan(0);
  });

  it("is caught without the folder's sync", async () => {
    const { problems } = await check((disk) => dropSyncs(disk, ({ kind }) => kind === 'folder'));
    expect(problems.length).toBeGreaterThan(0);
  });
});

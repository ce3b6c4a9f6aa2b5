/** A backup is a replica that lies nowhere; one that is made of it again is like any other. */
import { describe, expect, it } from 'vitest';
import { deviceId, MiB, shardId } from '../../../../base/units.ts';
import {
  BackupPeer,
  type BackupPeerOptions,
} from '../../../../storage/shard/backup/backup-peer.ts';
import { replayPiece } from '../../../../storage/shard/backup/replay.ts';
import { ReplicaCopy } from '../../../../storage/shard/primary/copy.ts';
import type { ShardPrimary } from '../../../../storage/shard/primary/primary.ts';
import { SimIndexStore } from '../../../sim/index-store.ts';
import { World } from './world.ts';

const one = shardId(1);
const bodyOf = (i: number): string => `body ${i} `.repeat(1 + (i % 40));

function primaryOf(world: World): ShardPrimary {
  const primary = world.group.find(one)?.primary;
  if (primary === undefined) throw new Error('the shard is not served');
  return primary;
}

function peerOf(more: Partial<BackupPeerOptions> = {}): BackupPeer {
  return new BackupPeer({
    ...{ shard: one, status: undefined, bytesMax: 64 * MiB, dueBytes: MiB },
    ...{ onDue: () => undefined, isOwn: () => false },
    ...more,
  });
}

function copyTo(world: World, peer: BackupPeer): ReplicaCopy {
  const primary = primaryOf(world);
  const { index } = primary.local;
  return new ReplicaCopy({ primary, peer, index, logger: world.logger, joins: false });
}

async function fill(world: World, from: number, to: number): Promise<void> {
  for (let i = from; i < to; i++) {
    const name = `n${String(i).padStart(3, '0')}`;
    const put = { type: 'put', name, text: `${i}`, body: bodyOf(i) } as const;
    await world.clock.run(world.execute(put));
  }
}

/** All rows with their bodies. */
async function rowsOf(world: World): Promise<ReadonlyMap<string, unknown>> {
  const names = await world.names();
  const rows = await Promise.all(
    names.map(async (name) => [name, await world.read(name)] as const),
  );
  return new Map(rows);
}

/** Every replica is lost, with its device's log; the backup brings all of them back. */
async function startAnew(
  world: World,
  pieces: readonly Uint8Array[],
  peer: BackupPeer,
): Promise<void> {
  const { epoch } = world.group.state(one);
  await world.stop();
  for (const [place, disk] of world.disks.entries()) {
    for (const name of await disk.list('log')) await disk.remove(`log/${name}`);
    world.indexes[place] = new SimIndexStore();
  }
  await world.start();
  const peers = world.devices.map((device) => device.replica(one));
  await Promise.all(peers.map((replica) => replica.reset(epoch)));
  for (const piece of pieces) await replayPiece(piece, { epoch, peers });
  const { sequence, history } = await peer.status();
  await Promise.all(peers.map((replica) => replica.level(epoch, sequence, history)));
  await world.clock.run(world.group.find(one)?.open() ?? Promise.resolve());
}

describe('a backup of a shard', () => {
  it('has every row and body, of rows that were moved while they were copied, too', async () => {
    const world = await World.open({ devices: 3 });
    await fill(world, 100, 400);
    const peer = peerOf();
    const copy = copyTo(world, peer);
    const pieces: Uint8Array[] = [];
    const take = (): void => void pieces.push(Buffer.concat(peer.take().records));
    for (let step = 0; ; step++) {
      if (await world.clock.run(copy.step())) break;
      take();
      if (step > 2) continue;
      // From behind the cursor to before it: the copy meets neither. And to where it still comes.
      const far = `n${399 - step}`;
      await world.clock.run(
        world.execute({ type: 'move', from: far, name: `a${step}`, text: 'moved' }),
      );
      const near = `n${100 + step}`;
      await world.clock.run(
        world.execute({ type: 'move', from: near, name: `z${step}`, text: 'moved' }),
      );
      await world.clock.run(world.execute({ type: 'delete', name: `n${200 + step}` }));
    }
    await fill(world, 400, 420);
    take();
    const rows = await rowsOf(world);
    expect(rows.size).toBe(317);
    await startAnew(world, pieces, peer);
    expect(await rowsOf(world)).toEqual(rows);
    // It is written to, opened again, and served by any of its replicas.
    await fill(world, 420, 425);
    await world.restart();
    expect((await rowsOf(world)).size).toBe(322);
  });

  it('goes on from the log where it ended', async () => {
    const world = await World.open({ devices: 3 });
    await fill(world, 100, 160);
    const first = peerOf();
    const copy = copyTo(world, first);
    while (!(await world.clock.run(copy.step())));
    const pieces = [Buffer.concat(first.take().records)];
    const status = await first.status();
    copy.abandon();
    await fill(world, 160, 170);
    await world.restart();
    const second = peerOf({ status });
    const next = copyTo(world, second);
    while (!(await world.clock.run(next.step())));
    await fill(world, 170, 171);
    const { records, bytes } = second.take();
    // No row was copied again.
    expect(bytes).toBeLessThan(pieces[0]?.length ?? 0);
    pieces.push(Buffer.concat(records));
    const rows = await rowsOf(world);
    await startAnew(world, pieces, second);
    expect(await rowsOf(world)).toEqual(rows);
  });

  it('takes no more than may wait, and no device waits for it', async () => {
    const world = await World.open({ devices: 3 });
    let due = 0;
    const peer = peerOf({ bytesMax: 4096, dueBytes: 1024, onDue: () => due++ });
    const copy = copyTo(world, peer);
    while (!(await world.clock.run(copy.step())));
    await fill(world, 100, 140);
    expect(peer.bytes).toBeLessThanOrEqual(4096);
    expect(due).toBe(1);
    expect(copy.failed?.kind).toBe('full');
    const all = [1, 2, 3].map((id) => deviceId(id));
    expect(world.group.state(one).inSync).toEqual(all);
  });
});

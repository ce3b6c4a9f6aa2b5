/** A cluster loses all logs and indexes of all its nodes, and then its map besides: `torc fsck --rebuild` makes its shards again. LOST_OBJECTS=N: with so many. */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ListBucketsCommand, type S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { KeptObjects } from '../process/cluster/kept-objects.ts';
import { type NodeProcess, TorcCluster } from '../process/cluster/torc-cluster.ts';
import { eventually, statusOf } from '../process/operator.ts';
import { s3ClientOf } from '../process/s3-client.ts';

let cluster: TorcCluster;

beforeAll(async () => {
  cluster = await TorcCluster.prepare({
    etcd: 1,
    nodes: [
      ...['n1', 'n2', 'n3'].map((name) => ({ name, role: 'all' as const, devices: 2 })),
      ...['p1', 'p2'].map((name) => ({ name, role: 'proxy' as const, devices: 0 })),
    ],
  });
  const settings = join(cluster.folder, 'settings.json');
  writeFileSync(settings, JSON.stringify({ metadataBackupSeconds: 1 }));
  for (const node of cluster.nodes) node.settings = ['--config', settings];
  await cluster.start(['--policy', 'replica:3']);
}, 600_000);

afterAll(() => cluster.stop(), 60_000);

const clientOf = ({ url }: NodeProcess, maxAttempts = 3): S3Client =>
  s3ClientOf({ httpUrl: url, credentials: cluster.credentials }, { maxAttempts });

/** Resolves when every commit is in a backup. */
async function backedUp(): Promise<void> {
  const { shards } = await cluster.map();
  await eventually(
    'all commits are in backups',
    async () => {
      let followed = 0;
      let waiting = 0;
      for (const { url, shape } of cluster.nodes) {
        if (shape.devices === 0) continue;
        const { metadataBackup } = await statusOf<{
          metadataBackup: { readonly followed: number; readonly waiting: number };
        }>({ httpUrl: url });
        followed += metadataBackup.followed;
        waiting += metadataBackup.waiting;
      }
      return followed === shards.length && waiting === 0;
    },
    300,
  );
}

/** With `kill -9`; returns when nothing runs any more and all logs and indexes are gone. */
async function loseRows(): Promise<void> {
  await Promise.all(cluster.nodes.map((node) => node.end('SIGKILL')));
  for (const device of cluster.nodes.flatMap(({ devices }) => devices)) {
    for (const name of ['log', 'index']) {
      expect(existsSync(join(device, name))).toBe(true);
      rmSync(join(device, name), { recursive: true });
    }
  }
}

async function rebuild(node: NodeProcess): Promise<void> {
  const began = performance.now();
  const said = await node.torc('fsck', '--rebuild', '--data', node.data);
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  process.stdout.write(`${seconds} s for ${said.replaceAll(/\s+/g, ' ')}\n`);
  const { shards } = await cluster.map();
  const report = JSON.parse(said) as Record<string, unknown>;
  expect(report).toMatchObject({
    ...{ shardsRebuilt: shards.length, shardsGood: 0, shardsLost: 0, shardsUnknown: 0 },
    bodiesNotNamed: 0,
  });
}

it('is made again from fragments alone', { timeout: 2_400_000 }, async () => {
  const [n2, p1, p2] = ['n2', 'p1', 'p2'].map((name) => cluster.node(name));
  if (n2 === undefined || p1 === undefined || p2 === undefined) throw new Error('no such node');
  const kept = new KeptObjects();
  const many = Number(process.env['LOST_OBJECTS'] ?? 180);
  const step = Math.ceil(many / 5000);
  await kept.write([clientOf(p1), clientOf(p2)], 6, Math.ceil(many / 6));
  await kept.writeVersions([clientOf(p1), clientOf(p2)]);
  expect(await kept.wrong(clientOf(p1), step)).toEqual([]);
  await backedUp();

  await loseRows();
  await Promise.all(cluster.nodes.map((node) => node.start()));
  await expect(clientOf(p1, 1).send(new ListBucketsCommand({}))).rejects.toThrow();
  await rebuild(n2);
  await cluster.served(300);
  for (const node of [p1, p2]) expect(await kept.wrong(clientOf(node), step)).toEqual([]);
  await cluster.redundant(300);

  // Once more, with etcd besides.
  await kept.write([clientOf(p1), clientOf(p2)], 2, 30);
  await backedUp();
  await loseRows();
  await cluster.etcd.loseAll();
  await expect(n2.start()).rejects.toThrow(/torc cluster restore/);
  const shown = await p2.torc('cluster', 'restore', '--show', '--data', p2.data);
  expect(shown).toMatch(/5 nodes, 6 devices, 12 shards/);
  await p2.torc('cluster', 'restore', '--data', p2.data);
  await expect(p1.torc('cluster', 'restore', '--data', p1.data)).rejects.toThrow(/holds a map/);
  await Promise.all(cluster.nodes.map((node) => node.start()));
  await rebuild(p1);
  await cluster.served(300);
  for (const node of [p1, p2]) expect(await kept.wrong(clientOf(node), step)).toEqual([]);
  await kept.write([clientOf(p1), clientOf(p2)], 1, 30);
  expect(await kept.wrong(clientOf(n2), step)).toEqual([]);
  await cluster.redundant(300);
});

/**
 * Three nodes with two devices each, two proxies and three members of etcd, as real processes; clients of both doors
 * go on while the machines fail. `npm test` runs it for 40 seconds, `npm run test:long -- cluster` for ten minutes; longer
 * by hand: CLUSTER_SECONDS=3600, another course of things: CLUSTER_SEED=7. Without the right to make network
 * namespaces or to mount, nothing is cut off and no disk fills up: it says so, and the other faults come all the same.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ClusterClients } from '../process/cluster/clients.ts';
import { ClusterFaults } from '../process/cluster/faults.ts';
import { installPythonTools } from '../process/python-tools.ts';
import { TorcCluster } from '../process/cluster/torc-cluster.ts';

const seconds = Number(process.env['CLUSTER_SECONDS'] ?? 90);
const seed = Number(process.env['CLUSTER_SEED'] ?? 1);

let cluster: TorcCluster;

const say = (line: string): void => {
  process.stdout.write(`${(performance.now() / 1000).toFixed(1)} ${line}\n`);
};

beforeAll(async () => {
  installPythonTools();
  cluster = await TorcCluster.prepare({
    etcd: 3,
    nodes: [
      ...['n1', 'n2', 'n3'].map((name) => ({ name, role: 'all' as const, devices: 2 })),
      ...['p1', 'p2'].map((name) => ({ name, role: 'proxy' as const, devices: 0 })),
    ],
  });
  for (const device of cluster.nodes.flatMap((node) => node.devices)) cluster.disks.make(device);
  await cluster.start(['--policy', 'replica:3']);
}, 180_000);

afterAll(async () => {
  await cluster.stop();
}, 60_000);

it('keeps its promises while nodes, networks and disks fail', {
  timeout: (seconds + 300) * 1000,
}, async () => {
  const endpoints = cluster.nodes.map(({ url }) => url);
  const containers = ['first', 'second'];
  await cluster.createContainers(containers);
  const clients = new ClusterClients({
    ...{ endpoints, containers, seed, credentials: cluster.credentials },
    ...{ clients: 6, pauseSeconds: 0.3 },
  });
  try {
    const faults = new ClusterFaults(cluster, seed);
    await faults.run(seconds, say);
    await clients.stop();
    await cluster.served(120);
    await cluster.redundant();
    const wrong = await clients.check();
    say(`${JSON.stringify(clients.counts)} ${JSON.stringify(Object.fromEntries(faults.counts))}`);
    for (const [message, count] of clients.failures) say(`${count} × ${message}`);
    expect(wrong).toEqual([]);
    // A run in which hardly anything succeeds proves nothing.
    expect(clients.counts.ok).toBeGreaterThan(seconds * 5);
  } catch (error) {
    say(await cluster.describe());
    throw error;
  } finally {
    clients.kill();
  }
});

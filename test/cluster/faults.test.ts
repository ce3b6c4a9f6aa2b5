/**
 * Three nodes with two devices each, two proxies and three members of etcd, as real processes; clients of both doors
 * go on while the machines fail, and while their containers are divided. From 90 seconds on rings change meanwhile: a fourth node takes its share and is drained
 * again, a disk comes and goes, weights change. `npm test` runs it for 40 seconds, `npm run test:long -- cluster` for ten minutes; longer
 * by hand: CLUSTER_SECONDS=3600, another course of things: CLUSTER_SEED=7. Without the right to make network
 * namespaces or to mount, nothing is cut off and no disk fills up: it says so, and the other faults come all the same.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ClusterClients } from '../process/cluster/clients.ts';
import { ClusterDivisions } from '../process/cluster/divisions.ts';
import { ClusterFaults } from '../process/cluster/faults.ts';
import { installPythonTools } from '../process/python-tools.ts';
import { ClusterRings } from '../process/cluster/ring-changes.ts';
import { TorcCluster } from '../process/cluster/torc-cluster.ts';

const seconds = Number(process.env['CLUSTER_SECONDS'] ?? 90);
const changesRings = seconds >= 90;
const seed = Number(process.env['CLUSTER_SEED'] ?? 1);

/** Joins when the rings stand already. */
const guestName = 'n4';

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
      ...(changesRings ? [{ name: guestName, role: 'all' as const, devices: 2 }] : []),
    ],
  });
  for (const device of cluster.nodes.flatMap((node) => node.devices)) cluster.disks.make(device);
  await cluster.start(['--policy', 'replica:3'], [guestName]);
}, 600_000);

afterAll(async () => {
  await cluster.stop();
}, 60_000);

/** Rejects when the work does, and does not resolve: for a race. */
async function failed(work: Promise<void> | undefined): Promise<void> {
  await work;
  await new Promise(() => undefined);
}

it('keeps its promises while nodes, networks and disks fail', {
  timeout: (seconds + 900) * 1000,
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
    const rings = changesRings
      ? new ClusterRings(cluster, cluster.node(guestName), { seed, say })
      : undefined;
    const divisions = new ClusterDivisions(cluster, { containers, say });
    const changing = rings?.run();
    const dividing = divisions.run();
    await Promise.race([faults.run(seconds, say), failed(changing)]);
    divisions.end();
    rings?.end();
    await changing;
    await rings?.finish();
    await clients.stop();
    await dividing;
    await cluster.served(120);
    await cluster.redundant();
    const wrong = await clients.check();
    say(`${JSON.stringify(clients.counts)} ${JSON.stringify(Object.fromEntries(faults.counts))}`);
    say(`changes of rings: ${JSON.stringify(Object.fromEntries(rings?.counts ?? []))}`);
    const pieces = await Promise.all(containers.map((one) => divisions.pieces(one)));
    say(`pieces of the containers: ${pieces.join(', ')}`);
    for (const [message, count] of clients.failures) say(`${count} × ${message}`);
    expect(wrong).toEqual([]);
    if (changesRings) expect(Math.max(...pieces)).toBeGreaterThan(1);
    // A run in which hardly anything succeeds proves nothing.
    expect(clients.counts.ok).toBeGreaterThan(seconds * 5);
  } catch (error) {
    say(await cluster.describe());
    throw error;
  } finally {
    clients.kill();
  }
});

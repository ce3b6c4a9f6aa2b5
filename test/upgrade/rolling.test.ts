/**
 * A cluster goes node by node from the last release to the code that stands here, and back, while clients of both
 * doors go on. From another release by hand: UPGRADE_FROM=commit. See test/process/release.ts.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ClusterClients } from '../process/cluster/clients.ts';
import { installPythonTools } from '../process/python-tools.ts';
import { installLastRelease, type Release } from '../process/release.ts';
import { TorcCluster } from '../process/cluster/torc-cluster.ts';

let cluster: TorcCluster;
let release: Release;

beforeAll(async () => {
  installPythonTools();
  release = installLastRelease();
  process.stdout.write(`the upgrade is from ${release.name}\n`);
  cluster = await TorcCluster.prepare({
    etcd: 1,
    nodes: ['n1', 'n2', 'n3'].map((name) => ({ name, role: 'all' as const, devices: 2 })),
  });
  for (const node of cluster.nodes) node.code = release.folder;
  await cluster.start(['--policy', 'replica:3']);
}, 240_000);

afterAll(() => cluster.stop(), 60_000);

it('goes from the last release to this code node by node under load, and back', {
  timeout: 600_000,
}, async () => {
  const own = new URL('../..', import.meta.url).pathname;
  const containers = ['first'];
  await cluster.createContainers(containers);
  const clients = new ClusterClients({
    ...{ endpoints: cluster.nodes.map(({ url }) => url), credentials: cluster.credentials },
    ...{ containers, seed: 1, clients: 4, pauseSeconds: 0.3 },
  });
  try {
    for (const code of [own, release.folder]) {
      for (const node of cluster.nodes) {
        expect(await node.end('SIGTERM'), node.printed).toBe(0);
        node.code = code;
        await node.start();
        await cluster.served(120);
      }
    }
    await clients.stop();
    await cluster.served(120);
    expect(await clients.check()).toEqual([]);
    const { ok, failed } = clients.counts;
    process.stdout.write(`from ${release.name} and back: ${JSON.stringify(clients.counts)}\n`);
    for (const [message, count] of clients.failures) {
      process.stdout.write(`${count} × ${message}\n`);
    }
    expect(ok).toBeGreaterThan(200);
    expect(failed).toBeLessThan(ok);
    // Nobody answers where a node is being started; everywhere else everything goes on.
    const others = [...clients.failures.entries()].filter(
      ([why]) => !/Could not connect|NewConnectionError|Connection was closed/.test(why),
    );
    expect(others).toEqual([]);
  } finally {
    clients.kill();
  }
});

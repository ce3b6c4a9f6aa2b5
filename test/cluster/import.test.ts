/** One machine becomes the first node of a cluster where it stands: nothing is copied, and a second machine serves the same. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { TorcCluster } from '../process/cluster/torc-cluster.ts';

let cluster: TorcCluster;

beforeAll(async () => {
  cluster = await TorcCluster.prepare({
    etcd: 1,
    nodes: [
      { name: 'n1', role: 'all', devices: 6 },
      { name: 'p1', role: 'proxy', devices: 0 },
    ],
  });
});

afterAll(() => cluster.stop());

/** Names and sizes of the volumes of every device. */
function volumes(devices: readonly string[]): readonly string[] {
  return devices.flatMap((device) =>
    readdirSync(device, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.includes('volume'))
      .map((name) => `${device} ${name} ${statSync(join(device, name)).size}`),
  );
}

it('keeps what the machine stored, through the import and on', { timeout: 240_000 }, async () => {
  const [machine, proxy] = [cluster.node('n1'), cluster.node('p1')];
  await machine.start();
  await cluster.createContainers(['kept']);
  const bodies = new Map<string, Uint8Array<ArrayBuffer>>(
    [0, 10, 20_000, 3_000_000].map((size, place) => [
      `o${place}`,
      new Uint8Array(size).fill(place + 65),
    ]),
  );
  const put = async (url: string, name: string, body: Uint8Array<ArrayBuffer>): Promise<void> => {
    const { storage, token } = await cluster.signIn(url === proxy.url ? proxy : machine);
    const reply = await fetch(`${storage}/kept/${name}`, {
      ...{ method: 'PUT', headers: { 'X-Auth-Token': token }, body },
    });
    expect(reply.status).toBe(201);
    bodies.set(name, body);
  };
  const readAll = async (node: typeof machine): Promise<void> => {
    const { storage, token } = await cluster.signIn(node);
    const headers = { 'X-Auth-Token': token };
    const listing = await (await fetch(`${storage}/kept`, { headers })).text();
    expect(listing.trim().split('\n')).toEqual([...bodies.keys()].toSorted());
    for (const [name, body] of bodies) {
      const reply = await fetch(`${storage}/kept/${name}`, { headers });
      expect(Buffer.from(await reply.arrayBuffer()).equals(body), name).toBe(true);
    }
  };
  for (const [name, body] of bodies) await put(machine.url, name, body);
  const importing = [
    ...['cluster', 'import', '--etcd', cluster.etcd.endpoints.join(',')],
    ...[...machine.membership, '--devices', machine.devices.join(',')],
  ];
  // A store that is being served cannot move.
  await expect(machine.torc(...importing)).rejects.toThrow();
  await machine.end('SIGTERM');
  const before = volumes(machine.devices);
  expect(before.length).toBeGreaterThan(0);

  await machine.torc(...importing);
  expect(volumes(machine.devices)).toEqual(before);
  await expect(machine.torc(...importing)).rejects.toThrow(/node already/);
  await machine.start();
  await readAll(machine);
  await cluster.join(proxy);
  await readAll(proxy);
  await put(proxy.url, 'later', new Uint8Array(2_000_000).fill(122));
  await readAll(machine);

  // Certificates are renewed while it serves, and used from the next start.
  await machine.torc('cluster', 'renew', '--data', machine.data);
  const token = await machine.torc('cluster', 'token', '--data', machine.data);
  await proxy.torc('cluster', 'renew', token.trim(), '--data', proxy.data);
  await proxy.end('SIGTERM');
  await machine.end('SIGKILL');
  await machine.start();
  await proxy.start();
  await readAll(machine);
  await readAll(proxy);

  const shown = await proxy.torc('ring', 'show', '--data', proxy.data);
  expect(shown).toContain(`(n1:${machine.devices[0]})`);
  expect(await machine.torc('ring', 'show', '--data', machine.data)).toBe(shown);
  const sought = ['AUTH_torc', 'kept', 'o1', '--object-id', 'ab'.repeat(16)];
  const located = await proxy.torc('ring', 'locate', ...sought, '--data', proxy.data);
  expect(located).toMatch(/fragment 5 .*n1:/);
  const { nodes = [], devices } = await cluster.map();
  expect(nodes.map(({ name }) => name)).toEqual(['n1', 'p1']);
  expect(new Set(devices.map(({ node }) => node))).toEqual(new Set(['n1']));
});

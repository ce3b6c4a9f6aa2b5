/**
 * A cluster of five nodes with two devices each, under `ec:2+2`: how long it takes from the loss of one whole node, with
 * all that it held, until every fragment and every replica lies on the other four. One JSON line.
 * `node bench/changes/cluster.ts [--gib GIB]`: GIB of objects in all (default 2: 0.8 GiB of fragments on each node).
 * All nodes are processes of this one machine; it needs the command etcd.
 */
import { execFileSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { TorcCluster } from '../../test/process/cluster/torc-cluster.ts';
import { eventually } from '../../test/process/operator.ts';
import { fill, makeContainer } from './clients.ts';
import { countersOf, figuresOf } from './counters.ts';

const { values } = parseArgs({ options: { gib: { type: 'string', default: '2' } } });
/** Longer than anything here takes. */
const patienceSeconds = 7200;

const names = ['n1', 'n2', 'n3', 'n4', 'n5'];
const cluster = await TorcCluster.prepare({
  etcd: 1,
  nodes: names.map((name) => ({ name, role: 'all' as const, devices: 2 })),
});
const [first, lost] = [cluster.first, cluster.node('n5')];
const others = cluster.nodes.filter((node) => node !== lost);

async function isWithoutIt(): Promise<boolean> {
  const { devices, policies, shards } = await cluster.map();
  return (
    devices.every(({ node }) => node !== lost.name) &&
    policies.every(({ former, goal }) => former === undefined && goal === undefined) &&
    shards.every(({ inSync, replicas }) => inSync.length === replicas.length)
  );
}

try {
  await cluster.start(['--policy', 'ec:2+2']);
  const { accessKeyId, secretAccessKey } = cluster.credentials;
  const target = { url: new URL(first.url), region: 'us-east-1', accessKeyId, secretAccessKey };
  await makeContainer(target);
  const { objects, bytesPerSecond } = await fill(target, Number(values.gib) * 2 ** 30);
  const mibPerSecond = Math.round(bytesPerSecond / 2 ** 20);
  process.stdout.write(`${JSON.stringify({ case: 'filled', objects, mibPerSecond })}\n`);
  const du = execFileSync('du', ['-sbc', ...lost.devices], { encoding: 'utf8' });
  const bytes = Number(/(\d+)\s+total/.exec(du)?.[1]);
  const pids = others.map(({ pid }) => pid);
  await lost.end('SIGKILL');
  const [from, before] = [performance.now(), countersOf(pids)];
  // Should fewer nodes survive less, then that is meant.
  const remove = ['ring', 'remove', '--node', lost.name, '--allow-less', '--data', first.data];
  await eventually('the node is given up', async () => (await first.torc(...remove)) !== '', 120);
  await eventually('nothing of it is left', isWithoutIt, patienceSeconds);
  for (const node of others) {
    const isFull = async () => (await node.torc('redundancy', '--data', node.data)) !== '';
    await eventually(`no fragment is missing at ${node.name}`, isFull, patienceSeconds);
  }
  const seconds = (performance.now() - from) / 1000;
  const figures = figuresOf(bytes, seconds, [before, countersOf(pids)]);
  const line = {
    case: 'one node of five is lost, until everything is whole without it',
    ...figures,
  };
  process.stdout.write(`${JSON.stringify(line)}\n`);
} finally {
  await cluster.stop();
}

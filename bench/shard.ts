/**
 * Commits of the metadata plane alone: durable 4 KiB rows on six devices, three replicas each.
 * Usage: node bench/shard.ts [writers] [seconds]. Prints one JSON line a case.
 */
import { mkdtemp, mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Level } from 'level';
import { toHex, utf8 } from '../base/bytes.ts';
import { systemClock } from '../base/clock.ts';
import { silentLogger } from '../base/log.ts';
import { NodeDisk } from '../base/node-disk.ts';
import { systemRandom } from '../base/random.ts';
import { deviceId, epoch, shardId } from '../base/units.ts';
import { EmbeddedCoordinator } from '../server/coordinator/embedded.ts';
import type { ClusterMap } from '../storage/shard/coordinator.ts';
import { ShardDevice } from '../storage/shard/device.ts';
import { ShardGroup } from '../storage/shard/group.ts';
import { containerRegion, rowKey } from '../storage/shard/row-key.ts';
import type { Shard, StateMachine } from '../storage/shard/shard.ts';

const deviceCount = 6;
const shardCount = 12;
const bodyBytes = 4096;
const none = new Uint8Array(0);
const sumKey = utf8('\u0000sum');

interface Put {
  readonly key: Uint8Array;
  readonly meta: Uint8Array;
  readonly body: Uint8Array;
}

/** As a real PUT: looks at the row, writes it, and keeps a sum. */
const stateMachine: StateMachine = {
  idOf: () => undefined,
  homeOf: () => undefined,
  checkKey: () => undefined,
  checkListed: () => undefined,
  keyJoined: (key) => key,
  metaJoined: ({ meta }) => meta,
  settling: () => undefined,
  decide(command, view) {
    const { key, meta, body } = command as Put;
    view.get(key);
    const sum = new Uint8Array(16);
    const before = view.get(sumKey);
    if (before !== undefined) sum.set(before.meta);
    sum[0] = ((sum[0] ?? 0) + 1) & 0xff;
    return {
      writes: [
        { type: 'put', key, meta, body },
        { type: 'put', key: sumKey, meta: sum },
      ],
      result: undefined,
    };
  },
};

function createMap(): ClusterMap {
  const ids = Array.from({ length: deviceCount }, (_, place) => deviceId(place + 1));
  return {
    format: 1,
    clusterId: toHex(systemRandom.bytes(16)),
    version: 1,
    devices: ids.map((id) => ({
      id,
      uuid: `${id}`,
      region: 'r',
      zone: 'z',
      node: 'n',
      path: `d${id}`,
      weight: 1,
      status: 'up',
    })),
    policies: [],
    defaultPolicy: 'none',
    shards: Array.from({ length: shardCount }, (_, place) => {
      const start = ((BigInt(place) << 128n) / BigInt(shardCount)).toString(16);
      const replicas = [0, 1, 2].map((step) => ids[(place + step) % deviceCount] ?? deviceId(0));
      return {
        id: shardId(place + 1),
        start: start.padStart(32, '0'),
        epoch: epoch(1),
        replicas,
        primary: replicas[0] ?? deviceId(0),
        inSync: replicas,
      };
    }),
  };
}

interface Sample {
  readonly rate: number;
  readonly cpuMicros: number;
  readonly p50Millis: number;
  readonly p99Millis: number;
}

async function measure(
  writers: number,
  seconds: number,
  operation: (count: number) => Promise<unknown>,
): Promise<Sample> {
  const latencies: number[] = [];
  const cpu = process.cpuUsage();
  const start = performance.now();
  const end = start + seconds * 1000;
  let count = 0;
  await Promise.all(
    Array.from({ length: writers }, async () => {
      while (performance.now() < end) {
        const begin = performance.now();
        await operation(count++);
        latencies.push(performance.now() - begin);
      }
    }),
  );
  const used = process.cpuUsage(cpu);
  const elapsed = (performance.now() - start) / 1000;
  latencies.sort((a, b) => a - b);
  const at = (share: number): number =>
    Math.round(100 * (latencies[Math.floor(latencies.length * share)] ?? 0)) / 100;
  return {
    rate: Math.round(count / elapsed),
    cpuMicros: Math.round((10 * (used.user + used.system)) / count) / 10,
    p50Millis: at(0.5),
    p99Millis: at(0.99),
  };
}

async function main(writers: number, seconds: number): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'torc-bench-shard-'));
  try {
    const paths = Array.from({ length: deviceCount }, (_, place) => join(root, `d${place + 1}`));
    await Promise.all(paths.map((path) => mkdir(path)));
    const disks = paths.map((path) => new NodeDisk(path));
    const coordinator = await EmbeddedCoordinator.create(createMap(), disks);
    const indexes = paths.map(
      (path) =>
        new Level<Uint8Array, Uint8Array>(join(path, 'index'), {
          keyEncoding: 'view',
          valueEncoding: 'view',
        }),
    );
    await Promise.all(indexes.map((index) => index.open()));
    const devices = await Promise.all(
      disks.map((disk, place) => {
        const index = indexes[place];
        if (index === undefined) throw new Error('no index');
        return ShardDevice.open({ id: deviceId(place + 1), disk, clock: systemClock, index });
      }),
    );
    const group = await ShardGroup.open({
      coordinator,
      devices,
      stateMachine,
      clock: systemClock,
      logger: silentLogger,
    });
    await run(group, writers, seconds);
    await group.close();
    for (const device of devices) await device.close();
    for (const index of indexes) await index.close();
    await coordinator.close();
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

async function run(group: ShardGroup, writers: number, seconds: number): Promise<void> {
  const containers = Array.from({ length: 32 }, () => systemRandom.bytes(16));
  const body = systemRandom.bytes(bodyBytes);
  const meta = systemRandom.bytes(200);
  const place = (count: number): { shard: Shard; key: Uint8Array; region: Uint8Array } => {
    const container = containers[count % containers.length] ?? none;
    const region = containerRegion(container, 1);
    return {
      shard: group.route(toHex(container)),
      key: rowKey(region, utf8(`object ${count}`), none),
      region,
    };
  };
  const print = (name: string, sample: Sample): void => {
    process.stdout.write(`${JSON.stringify({ case: name, writers, ...sample })}\n`);
  };
  let written = 0;
  const put = async (count: number): Promise<void> => {
    const { shard, key } = place(count);
    await shard.execute({ key, meta, body });
    written = Math.max(written, count);
  };
  await measure(writers, 1, put);
  print('commit 4 KiB', await measure(writers, seconds, (count) => put(count + 100_000)));
  const get = (count: number): Promise<unknown> => {
    const { shard, key } = place(100_000 + (count % 1000));
    return shard.getWithBody(key);
  };
  print('get 4 KiB', await measure(writers, seconds, get));
  const list = (count: number): Promise<unknown> => {
    const { shard, region } = place(count);
    return shard.list({
      region,
      prefix: none,
      delimiter: none,
      after: undefined,
      before: undefined,
      reverse: false,
      limit: 1000,
    });
  };
  print('list 1000', await measure(1, seconds, list));
}

await main(Number(process.argv[2] ?? 64), Number(process.argv[3] ?? 4));

/**
 * What rings cost: time to compute one, to change it by a node and by a device, to look a body up; memory, and bytes in the
 * cluster map. One JSON line a cluster. `node --expose-gc bench/ring.ts [NODES DEVICES_PER_NODE SCHEME POWER]`
 */
import { type DeviceId, deviceId, partition } from '../base/units.ts';
import { buildRing, rebalance } from '../ring/builder.ts';
import { homes, partitionPowerFor } from '../ring/homes.ts';
import { parseScheme } from '../ring/policy.ts';
import type { Ring, RingDevice } from '../ring/ring.ts';
import { decodeRing, encodeRing } from '../ring/ring-file.ts';
import { nextStep } from '../ring/steps.ts';
import { ringTolerances } from '../ring/tolerance.ts';

interface Plant {
  readonly nodes: number;
  readonly perNode: number;
  readonly scheme: string;
  readonly power: number;
}

/** Ten zones at most: racks. */
function devicesOf({ nodes, perNode }: Pick<Plant, 'nodes' | 'perNode'>): readonly RingDevice[] {
  return Array.from({ length: nodes * perNode }, (_, place) => {
    const node = Math.floor(place / perNode);
    const zone = `z${node % Math.min(10, nodes)}`;
    return { id: deviceId(place + 1), region: 'r1', zone, node: `n${node}`, weight: 1 };
  });
}

/** CPU time: other load on the machine does not count. */
function timed<Result>(work: () => Result): { readonly result: Result; readonly millis: number } {
  const before = process.cpuUsage();
  const result = work();
  const { user, system } = process.cpuUsage(before);
  return { result, millis: Math.round((user + system) / 1000) };
}

/** Heap and array buffers, once what is garbage is gone. */
function memory(): number {
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function lookupNanos(ring: Ring): number {
  const rounds = 1_000_000;
  let sum = 0;
  const start = performance.now();
  for (let i = 0; i < rounds; i++) {
    const [first]: readonly (DeviceId | undefined)[] = homes(
      ring,
      partition((i * 7919) % 2 ** ring.partitionPower),
    );
    sum += first ?? 0;
  }
  const nanos = ((performance.now() - start) * 1e6) / rounds;
  return sum === 0 ? 0 : Math.round(nanos);
}

function spread(ring: Ring): { readonly least: number; readonly most: number } {
  const loads = ring.devices.map(() => 0);
  for (const row of ring.assignment) {
    for (const place of row) loads[place] = (loads[place] ?? 0) + 1;
  }
  return { least: Math.min(...loads), most: Math.max(...loads) };
}

function measure(plant: Plant): void {
  const { k, m } = parseScheme(plant.scheme);
  const devices = devicesOf(plant);
  const built = timed(() => buildRing({ devices, width: k + m, partitionPower: plant.power }));
  const ring = built.result;
  const bytes = encodeRing(ring);
  const before = memory();
  const decoded = timed(() => decodeRing(bytes));
  const memoryBytes = memory() - before;
  const more = devicesOf({ nodes: plant.nodes + 1, perNode: plant.perNode });
  const grown = timed(() => rebalance(ring, more));
  const shrunk = timed(() => rebalance(grown.result.ring, more.slice(1)));
  const step = timed(() =>
    nextStep(ring, grown.result.ring, Math.ceil(grown.result.moves.length / 8)),
  );
  const tolerances = timed(() => ringTolerances(decoded.result, parseScheme(plant.scheme)));
  const line = {
    ...plant,
    devices: devices.length,
    buildMillis: built.millis,
    loads: spread(ring),
    tolerances: tolerances.result,
    tolerancesMillis: tolerances.millis,
    addNode: { millis: grown.millis, moves: grown.result.moves.length },
    removeDevice: { millis: shrunk.millis, moves: shrunk.result.moves.length },
    stepMillis: step.millis,
    memoryBytes,
    fileBytes: bytes.length,
    mapBytes: Buffer.from(bytes).toString('base64').length,
    decodeMillis: decoded.millis,
    lookupNanos: lookupNanos(ring),
  };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

const [nodes, perNode, scheme, power] = process.argv.slice(2);
if (nodes !== undefined && perNode !== undefined) {
  const size = Number(nodes) * Number(perNode);
  measure({
    ...{ nodes: Number(nodes), perNode: Number(perNode), scheme: scheme ?? 'ec:8+4' },
    power: Number(power ?? partitionPowerFor(size)),
  });
} else {
  for (const [count, each] of [
    [3, 2],
    [12, 12],
    [30, 24],
    [100, 24],
  ] as const) {
    const power = partitionPowerFor(count * each);
    measure({ nodes: count, perNode: each, scheme: count === 3 ? 'ec:4+2' : 'ec:8+4', power });
  }
}

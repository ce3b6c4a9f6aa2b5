/**
 * `npm run bench`: one JSON line a case. `-- --against URL --key K --secret S [--pid P]` runs each case
 * in turn on both servers and prints the ratio of the medians. `--only TEXT` picks cases;
 * `--profile DIR` leaves a CPU profile of our server there (bench/profile.ts sums it up).
 */
import { execFileSync } from 'node:child_process';
import { Agent } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import autocannon from 'autocannon';
import { type Case, cases, container, putRequest } from './cases.ts';
import { cpuMicrosOf, quantile, runLoad, send } from './load.ts';
import { startOwnServer } from './own-server.ts';
import { sha256Hex, sign, type Target } from './sign.ts';

interface Contender {
  readonly name: string;
  readonly target: Target;
  readonly pid: number | undefined;
  readonly prepared: Set<string>;
}

interface Measurement {
  readonly operationsPerSecond: number;
  readonly mibPerSecond: number;
  readonly p50Millis: number;
  readonly p99Millis: number;
  readonly errors: number;
  readonly cpuMicrosPerOperation: number;
}

async function prepare(contender: Contender, one: Case): Promise<void> {
  const need = one.prepare;
  if (need === undefined || contender.prepared.has(need.prefix)) return;
  contender.prepared.add(need.prefix);
  let made = 0;
  const result = await runLoad({
    target: contender.target,
    connections: need.size > 1_000_000 ? 4 : 32,
    seconds: 3600,
    next: () => {
      if (made === need.count) return undefined;
      return putRequest(contender.target, `${need.prefix}/${made++}`, need.size);
    },
  });
  if (result.errors > 0) throw new Error(`${contender.name}: ${result.errors} errors in preparing`);
}

async function measure(contender: Contender, one: Case): Promise<Measurement> {
  const before = cpuMicrosOf(contender.pid);
  const figures =
    one.client === 'autocannon'
      ? await runAutocannon(contender.target, one)
      : await runStream(contender.target, one);
  const cpu = cpuMicrosOf(contender.pid) - before;
  const { operations, ...rest } = figures;
  if (operations === 0) throw new Error(`${contender.name}: not one ${one.name} came to its end`);
  return { ...rest, cpuMicrosPerOperation: Math.round(cpu / Math.max(1, operations)) };
}

type Figures = Omit<Measurement, 'cpuMicrosPerOperation'> & { readonly operations: number };

async function runAutocannon(target: Target, one: Case): Promise<Figures> {
  let connection = 0;
  const result = await autocannon({
    url: target.url.origin,
    connections: one.connections,
    duration: one.seconds,
    setupClient: (client) => {
      const requests = one.requests(target, connection++).map(({ body, headers, ...request }) => ({
        ...request,
        headers: withoutLength(headers),
        ...(body === undefined ? {} : { body: Buffer.from(body) }),
      }));
      client.setRequests(requests);
    },
  });
  const operations = result.requests.total;
  return {
    operations,
    operationsPerSecond: operations / result.duration,
    mibPerSecond: result.throughput.total / result.duration / 1_048_576,
    p50Millis: result.latency.p50,
    p99Millis: result.latency.p99,
    errors: result.errors + result.non2xx,
  };
}

/** autocannon adds a Content-Length of its own, and two of them are refused. */
function withoutLength({
  'content-length': _length,
  ...headers
}: Record<string, string>): Record<string, string> {
  return headers;
}

async function runStream(target: Target, one: Case): Promise<Figures> {
  const lists = Array.from({ length: one.connections }, (_, i) => one.requests(target, i));
  let turn = 0;
  const result = await runLoad({
    target,
    connections: one.connections,
    seconds: one.seconds,
    next: () => {
      const list = lists[turn % lists.length] ?? [];
      return list[Math.floor(turn++ / lists.length) % list.length];
    },
  });
  return {
    operations: result.operations,
    operationsPerSecond: result.operations / result.seconds,
    mibPerSecond: result.bytes / result.seconds / 1_048_576,
    p50Millis: quantile(result.millis, 0.5),
    p99Millis: quantile(result.millis, 0.99),
    errors: result.errors,
  };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function print(line: Record<string, unknown>): void {
  const rounded = Object.entries(line).map(([name, value]) => [
    name,
    typeof value === 'number' ? Math.round(value * 100) / 100 : value,
  ]);
  process.stdout.write(`${JSON.stringify(Object.fromEntries(rounded))}\n`);
}

async function makeContainer(target: Target): Promise<void> {
  const agent = new Agent();
  const request = sign(target, {
    method: 'PUT',
    path: `/${container}`,
    payloadHash: sha256Hex(new Uint8Array(0)),
    size: 0,
  });
  const { status, text } = await send(target, agent, request);
  agent.destroy();
  if (status >= 300 && status !== 409) throw new Error(`creating the bucket: ${status} ${text}`);
}

const warmUpSeconds = 3;

async function runCase(contenders: readonly Contender[], one: Case, runs: number): Promise<void> {
  const results = new Map<Contender, Measurement[]>(contenders.map((each) => [each, []]));
  for (const contender of contenders) {
    await prepare(contender, one);
    // Servers that compile as they run, ours among them, have met the requests before they are measured.
    if (one.client === 'autocannon') await measure(contender, { ...one, seconds: warmUpSeconds });
  }
  for (let run = 0; run < runs; run++) {
    for (const contender of contenders) {
      results.get(contender)?.push(await measure(contender, one));
    }
  }
  const rates: number[] = [];
  for (const [contender, list] of results) {
    const pick = (of: (one: Measurement) => number): number => median(list.map(of));
    const rate = pick((m) => m.operationsPerSecond);
    rates.push(rate);
    print({
      case: one.name,
      server: contender.name,
      runs,
      operationsPerSecond: rate,
      mibPerSecond: pick((m) => m.mibPerSecond),
      p50Millis: pick((m) => m.p50Millis),
      p99Millis: pick((m) => m.p99Millis),
      cpuMicrosPerOperation: pick((m) => m.cpuMicrosPerOperation),
      errors: list.reduce((sum, m) => sum + m.errors, 0),
    });
  }
  const [ours, theirs] = rates;
  if (ours !== undefined && theirs !== undefined) {
    print({ case: one.name, ratio: ours / theirs });
  }
}

const { values } = parseArgs({
  options: {
    against: { type: 'string' },
    key: { type: 'string' },
    secret: { type: 'string' },
    pid: { type: 'string' },
    region: { type: 'string', default: 'us-east-1' },
    only: { type: 'string' },
    runs: { type: 'string' },
    data: { type: 'string', default: tmpdir() },
    profile: { type: 'string' },
  },
});

if (values.only === undefined || values.only === 'codec') {
  const codec = join(import.meta.dirname, 'codec.ts');
  process.stdout.write(execFileSync(process.execPath, [codec], { encoding: 'utf8' }));
}
const own = await startOwnServer(values.data, values.profile);
try {
  const contenders: Contender[] = [
    { name: 'torc', target: own.target, pid: own.pid, prepared: new Set() },
  ];
  if (values.against !== undefined) {
    const target = {
      url: new URL(values.against),
      accessKeyId: values.key ?? '',
      secretAccessKey: values.secret ?? '',
      region: values.region,
    };
    const pid = values.pid === undefined ? undefined : Number(values.pid);
    contenders.push({ name: 'peer', target, pid, prepared: new Set() });
  }
  for (const contender of contenders) await makeContainer(contender.target);
  const runs = Number(values.runs ?? (contenders.length > 1 ? 3 : 1));
  for (const one of cases) {
    if (values.only === undefined || one.name.includes(values.only)) {
      await runCase(contenders, one, runs);
    }
  }
} finally {
  await own.stop();
}

/**
 * `npm test`: every phase in order, then one line that counts what really ran. A phase that saw
 * no test fails; a failing check counts as one failed test. Names after `--` choose phases:
 * `npm test -- lint unit`. `npm run test:long` (`--long`) runs what takes too long for that, one
 * phase for each file of test/long: `npm run test:long -- kill memory`. `npm run sim -- --seeds N` (`--first SEED`) is its
 * simulation alone, of one machine and of clusters, N seeds each. `npm run test:openstack` (`--openstack` adds
 * it to the others) installs Keystone and clients of OpenStack; with `--all`, services and backup tools besides.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { filesWithoutTools } from './process/tools/system-tools.ts';

interface Counts {
  readonly passed: number;
  readonly failed: number;
}

const root = join(import.meta.dirname, '..');
const bin = (name: string): string => join(root, 'node_modules', '.bin', name);
const scratch = mkdtempSync(join(tmpdir(), 'torc-test-'));

const given = process.argv.slice(2);
/** Tests that this machine has not the commands for; `--everything` runs them all the same, and they fail. */
const without: ReadonlyMap<string, readonly string[]> = given.includes('--everything')
  ? new Map()
  : filesWithoutTools();

/** A tool that says yes or no: one test. */
function check(command: string, args: readonly string[]): Counts {
  const run = spawnSync(bin(command), args, { cwd: root, stdio: 'inherit' });
  return run.status === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

/** A worker a core, where vitest would leave one core idle: for suites that start no servers, which want that core. */
const onAllCores = [`--maxWorkers=${availableParallelism()}`];

function suite(
  name: string,
  paths: readonly string[],
  settings: Readonly<Record<string, string>> = {},
  options: readonly string[] = [],
): Counts {
  const report = join(scratch, `${name}.json`);
  const leftOut = [...without].filter(([file]) => paths.some((path) => file.startsWith(path)));
  for (const [file, missing] of leftOut) {
    process.stdout.write(`NOT RUN: ${file}, for want of ${missing.join(' and ')}\n`);
  }
  if (paths.every((path) => without.has(path))) return { passed: 0, failed: 0 };
  const excluded = leftOut.flatMap(([file]) => ['--exclude', file]);
  const args = ['run', ...paths, ...excluded, ...options, '--reporter=default', '--reporter=json'];
  // Colours only for a person who looks: a log keeps plain lines.
  const env = process.stdout.isTTY ? process.env : { ...process.env, NO_COLOR: '1' };
  const run = spawnSync(bin('vitest'), [...args, `--outputFile=${report}`], {
    cwd: root,
    stdio: 'inherit',
    env: { ...settings, ...env },
  });
  if (!existsSync(report)) return { passed: 0, failed: 1 };
  const result = JSON.parse(readFileSync(report, 'utf8')) as {
    numPassedTests: number;
    numFailedTests: number;
  };
  const { numPassedTests, numFailedTests } = result;
  // A file that does not load, an error outside a test, or nothing that ran: one failure at least.
  const unseen = run.status !== 0 || numPassedTests + numFailedTests === 0 ? 1 : 0;
  return { passed: numPassedTests, failed: Math.max(numFailedTests, unseen) };
}

const hasSimulation = readdirSync(join(root, 'test', 'sim')).some((one) =>
  one.endsWith('.test.ts'),
);

type Phase = readonly [string, () => Counts];

const inMemory = ['test/tidy.test.ts', 'test/unit/', 'test/golden/', 'test/fuzz/'];

const phases: readonly Phase[] = [
  ['types', () => check('tsc', ['--noEmit'])],
  ['lint', () => check('oxlint', ['--type-aware', '--deny-warnings'])],
  ['format', () => check('biome', ['format', '.'])],
  ['knip', () => check('knip', ['--no-config-hints'])],
  ['unit', () => suite('unit', inMemory, {}, onAllCores)],
  ['contract', () => suite('contract', ['test/contract/'])],
  ...(hasSimulation ? [['sim', () => suite('sim', ['test/sim/'], {}, onAllCores)] as const] : []),
  ['crash', () => suite('crash', ['test/crash/'])],
  ['conformance', () => suite('conformance', ['test/conformance/'])],
  ['clients', () => suite('clients', ['test/clients/'])],
  ['cluster', () => suite('cluster', ['test/cluster/'], { CLUSTER_SECONDS: '40' })],
];

/** Installs packages of the system: only where it is asked for. */
function openstack(isAll: boolean): Phase {
  const paths = isAll ? ['test/openstack/'] : ['test/openstack/core.test.ts'];
  return ['openstack', () => suite('openstack', paths)];
}

/** What comes after a flag; undefined when it is not given. */
function valueOf(flag: string): string | undefined {
  const place = given.indexOf(flag);
  if (place < 0) return undefined;
  const value = given[place + 1] ?? '';
  if (!/^[1-9]\d*$/.test(value)) throw new Error(`${flag} is followed by a whole number`);
  return value;
}

/** One machine, and clusters: each in two suites side by side. */
const simulations = ['', '-other-half'].flatMap((half) => [
  `test/sim/sim${half}.test.ts`,
  `test/sim/cluster/cluster${half}.test.ts`,
]);

const longPhases: readonly Phase[] = [
  [
    'sim',
    () =>
      suite(
        'long-sim',
        simulations,
        { SIM_SEEDS: valueOf('--seeds') ?? '2000', SIM_FIRST: valueOf('--first') ?? '1' },
        onAllCores,
      ),
  ],
  ['cluster', () => suite('long-cluster', ['test/cluster/faults'], { CLUSTER_SECONDS: '600' })],
  ['upgrade', () => suite('long-upgrade', ['test/upgrade/'])],
  ...readdirSync(join(root, 'test', 'long'))
    .filter((one) => one.endsWith('.test.ts'))
    .map((file): Phase => {
      const name = file.replace('.test.ts', '');
      return [name, () => suite(`long-${name}`, [`test/long/${file}`])];
    }),
];

const isLong = given.includes('--long');
const valued = ['--seeds', '--first'];
const wanted = given.filter(
  (one, place) => !one.startsWith('--') && !valued.includes(given[place - 1] ?? ''),
);
const hasOpenstack = given.includes('--openstack') || wanted.includes('openstack');
const chosen = isLong
  ? longPhases
  : [...phases, ...(hasOpenstack ? [openstack(given.includes('--all'))] : [])];
let passed = 0;
let failed = 0;
for (const [name, run] of chosen) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  process.stdout.write(`== ${name}\n`);
  const counts = run();
  process.stdout.write(`== ${name}: ${counts.passed} passed, ${counts.failed} failed\n`);
  passed += counts.passed;
  failed += counts.failed;
}
rmSync(scratch, { recursive: true, force: true });
if (passed + failed === 0) failed = 1;
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 ? 0 : 1;

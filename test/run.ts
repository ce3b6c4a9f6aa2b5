/**
 * `npm test`: every phase in order, then one line that counts what really ran. A phase that saw
 * no test fails; a failing check counts as one failed test.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface Counts {
  readonly passed: number;
  readonly failed: number;
}

const root = join(import.meta.dirname, '..');
const bin = (name: string): string => join(root, 'node_modules', '.bin', name);
const scratch = mkdtempSync(join(tmpdir(), 'torc-test-'));

/** A tool that says yes or no: one test. */
function check(name: string, command: string, args: readonly string[]): Counts {
  process.stdout.write(`== ${name}\n`);
  const run = spawnSync(bin(command), args, { cwd: root, stdio: 'inherit' });
  return run.status === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

function suite(name: string, folders: readonly string[]): Counts {
  process.stdout.write(`== ${name}\n`);
  const report = join(scratch, `${name}.json`);
  const args = ['run', ...folders, '--reporter=dot', '--reporter=json', `--outputFile=${report}`];
  const run = spawnSync(bin('vitest'), args, { cwd: root, stdio: 'inherit' });
  if (!existsSync(report)) return { passed: 0, failed: 1 };
  const result = JSON.parse(readFileSync(report, 'utf8')) as {
    numPassedTests: number;
    numFailedTests: number;
    numTotalTests: number;
    numFailedTestSuites: number;
  };
  const broken = run.status === 0 ? 0 : 1;
  const failed = Math.max(result.numFailedTests, broken, result.numTotalTests === 0 ? 1 : 0);
  return { passed: result.numPassedTests, failed };
}

const phases: readonly (() => Counts)[] = [
  () => check('types', 'tsc', ['--noEmit']),
  () => suite('unit', ['test/unit/', 'test/golden/', 'test/fuzz/']),
  () => suite('contract', ['test/contract/']),
  () => suite('crash', ['test/crash/']),
  () => suite('sim', ['test/sim/']),
  () => suite('clients', ['test/clients/']),
];

let passed = 0;
let failed = 0;
for (const phase of phases) {
  const counts = phase();
  passed += counts.passed;
  failed += counts.failed;
}
rmSync(scratch, { recursive: true, force: true });
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 ? 0 : 1;

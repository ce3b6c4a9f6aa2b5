/** aws-cli, boto3 and python-swiftclient from PyPI, in a virtual environment of the tests' own. */
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const root = join(import.meta.dirname, '..', '..');
const venv = join(root, 'node_modules', '.cache', 'torc-python');
const stamp = join(venv, '.torc-installed');

/** Installs the tools unless they are there. */
export function installPythonTools(): void {
  if (existsSync(stamp)) return;
  execFileSync('python3', ['-m', 'venv', venv], { stdio: 'inherit' });
  const tools = ['awscli', 'boto3', 'python-swiftclient'];
  execFileSync(
    join(venv, 'bin', 'pip'),
    ['install', '-q', '--disable-pip-version-check', ...tools],
    {
      stdio: 'inherit',
    },
  );
  writeFileSync(stamp, '');
}

/** Where a tool lies, for callers that pipe its streams. */
export function toolPath(name: 'aws' | 'swift' | 'python'): string {
  return join(venv, 'bin', name);
}

/** Runs one of them; rejects with its output when it fails. */
export async function runTool(
  name: 'aws' | 'swift' | 'python',
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<string> {
  const { stdout } = await promisify(execFile)(toolPath(name), [...args], {
    env: { ...process.env, PYTHONWARNINGS: 'ignore', ...environment },
    maxBuffer: 16 * 1_048_576,
  });
  return stdout;
}

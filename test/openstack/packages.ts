/** What the tests of OpenStack run: Debian's packages by apt, Python's in a virtual environment of their own. */
import { execFile, execFileSync, type StdioOptions } from 'node:child_process';
import { existsSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const root = join(import.meta.dirname, '..', '..');
// Its commands name the folder that it was made in: not by a link that another checkout has to it.
const venv = join(realpathSync(join(root, 'node_modules')), '.cache', 'torc-openstack');

/** `core` is what CI runs. */
export type Scope = 'core' | 'all';

/** Of the environment that has the clients. */
export const openstackPython: string = join(venv, 'bin', 'python');

/** Packages and the commands that they bring. */
const debian: Readonly<Record<Scope, Readonly<Record<string, readonly string[]>>>> = {
  core: { keystone: ['keystone-manage', 'keystone-wsgi-public'] },
  all: {
    keystone: ['keystone-manage', 'keystone-wsgi-public'],
    restic: ['restic'],
    rclone: ['rclone'],
    duplicity: ['duplicity'],
    // duplicity's way to Swift.
    'python3-swiftclient': ['swift'],
    // A Swift to be in step with.
    'swift-proxy': ['swift-proxy-server'],
    'swift-account': ['swift-account-server'],
    'swift-container': ['swift-container-server', 'swift-container-sync'],
    'swift-object': ['swift-object-server'],
    memcached: ['memcached'],
  },
};

const requirements: Readonly<Record<Scope, string>> = {
  core: join(import.meta.dirname, 'requirements.txt'),
  all: join(import.meta.dirname, 'requirements-all.txt'),
};

const quiet: { stdio: StdioOptions } = { stdio: ['ignore', 'ignore', 'inherit'] };

function isThere(command: string): boolean {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders.some((folder) => existsSync(join(folder, command)));
}

/** Installs what is missing, or throws a sentence that says what is. */
export function installPackages(scope: Scope): void {
  const wanted = Object.entries(debian[scope]);
  const missing = wanted.filter(([, commands]) => !commands.every(isThere)).map(([name]) => name);
  if (missing.length > 0) installDebian(missing);
  const still = wanted.filter(([, commands]) => !commands.every(isThere)).map(([name]) => name);
  if (still.length > 0) throw new Error(`${still.join(', ')} could not be installed`);
  installClients(scope);
}

function installDebian(missing: readonly string[]): void {
  if (process.getuid?.() !== 0 || !isThere('apt-get')) {
    throw new Error(
      `These tests need ${missing.join(', ')}: run them as root on Debian, where they install what is missing, or install it yourself.`,
    );
  }
  // Packages must not start services of the system's own.
  const env = { ...process.env, RUNLEVEL: '1', DEBIAN_FRONTEND: 'noninteractive' };
  const options = { env, ...quiet };
  execFileSync('apt-get', ['update', '-q'], options);
  execFileSync('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...missing], options);
}

/** Python's packages alone. */
export function installClients(scope: Scope): void {
  const wanted = readFileSync(requirements[scope], 'utf8');
  const stamp = join(venv, `.torc-installed-${scope}`);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  if (!existsSync(join(venv, 'bin', 'pip'))) execFileSync('python3', ['-m', 'venv', venv], quiet);
  const args = ['install', '-q', '--disable-pip-version-check', '-r', requirements[scope]];
  execFileSync(join(venv, 'bin', 'pip'), args, quiet);
  writeFileSync(stamp, wanted);
}

/** Runs suites/NAME.py; resolves with the names of the checks that held, rejects with all that it printed when one does not. */
export async function checksOf(name: string, args: readonly string[]): Promise<readonly string[]> {
  const script = join(import.meta.dirname, 'suites', `${name}.py`);
  try {
    const { stdout } = await promisify(execFile)(openstackPython, [script, ...args], {
      env: { ...process.env, PYTHONWARNINGS: 'ignore' },
      maxBuffer: 16 * 1_048_576,
    });
    return [...stdout.matchAll(/^ok (.*)$/gm)].map(([, check = '']) => check);
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`${name}\n${stdout}\n${stderr}`, { cause: error });
  }
}

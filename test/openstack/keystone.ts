/** A real Keystone of Debian's package `keystone`: its own folder, SQLite, a port of its own; nothing of the system's is touched. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

export interface ProjectUser {
  readonly name: string;
  readonly password: string;
  readonly project: string;
  readonly roles: readonly string[];
  /** Default: `default`. */
  readonly domain?: string;
}

interface Named {
  readonly id: string;
  readonly name: string;
  readonly domain_id?: string | null;
}

const adminPassword = 'admin-secret';

/** The user as whom Torc asks. */
export const serviceUser: ProjectUser = {
  ...{ name: 'torc', password: 'torc-secret', project: 'service', roles: ['admin'] },
};

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function configuration(folder: string): string {
  return `[DEFAULT]
log_dir = ${folder}
[database]
connection = sqlite:///${join(folder, 'keystone.db')}
[fernet_tokens]
key_repository = ${join(folder, 'fernet')}
[fernet_receipts]
key_repository = ${join(folder, 'fernet')}
[credential]
key_repository = ${join(folder, 'credential')}
[identity]
password_hash_rounds = 4
`;
}

/** As `fernet_setup` and `credential_setup` do, without waiting for a Python for each. */
function writeKeys(folder: string): void {
  mkdirSync(folder, { mode: 0o700 });
  for (const index of ['0', '1']) {
    const key = randomBytes(32).toString('base64').replaceAll('+', '-').replaceAll('/', '_');
    writeFileSync(join(folder, index), key, { mode: 0o600 });
  }
}

export class KeystoneProcess {
  readonly #folder = mkdtempSync(join(tmpdir(), 'torc-keystone-'));
  readonly #ids = new Map<string, string>();
  readonly #listed = new Set<string>();
  #child: ChildProcess | undefined;
  #token = '';
  #url = '';

  /** Without `/v3`. */
  get url(): string {
    return this.#url;
  }

  get #file(): string {
    return join(this.#folder, 'keystone.conf');
  }

  /** Takes a quarter of a minute: the database is made anew. */
  async start(): Promise<void> {
    const port = await freePort();
    this.#url = `http://127.0.0.1:${port}`;
    for (const name of ['fernet', 'credential']) writeKeys(join(this.#folder, name));
    writeFileSync(this.#file, configuration(this.#folder));
    this.#manage('db_sync');
    // Keystone reads and writes by several connections at once; only so SQLite lets it.
    const database = new DatabaseSync(join(this.#folder, 'keystone.db'));
    database.exec('PRAGMA journal_mode = WAL');
    database.close();
    const urls = ['public', 'internal', 'admin'].flatMap((kind) => [
      `--bootstrap-${kind}-url`,
      `${this.#url}/v3`,
    ]);
    const first = ['--bootstrap-password', adminPassword, '--bootstrap-region-id', 'RegionOne'];
    this.#manage('bootstrap', ...first, ...urls);
    await this.resume();
  }

  #manage(verb: string, ...args: readonly string[]): void {
    const all = ['--config-file', this.#file, verb, ...args];
    execFileSync('keystone-manage', all, { stdio: ['ignore', 'ignore', 'pipe'] });
  }

  /** Serves (again); what it knew it knows. */
  async resume(): Promise<void> {
    const { port } = new URL(this.#url);
    this.#child = spawn('keystone-wsgi-public', ['--host', '127.0.0.1', '--port', port], {
      env: { ...process.env, OS_KEYSTONE_CONFIG_FILES: this.#file },
      stdio: 'ignore',
    });
    const end = Date.now() + 300_000;
    while (!(await this.#answers())) {
      if (Date.now() > end) throw new Error('Keystone did not start');
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    this.#token = await this.tokenOf({
      ...{ name: 'admin', password: adminPassword, project: 'admin', roles: [] },
    });
  }

  async #answers(): Promise<boolean> {
    try {
      return (await fetch(`${this.#url}/v3`)).ok;
    } catch {
      return false;
    }
  }

  /** Away: nobody can ask it. */
  async pause(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  async remove(): Promise<void> {
    await this.pause();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Domain, project, roles and user, whatever of them is not there yet. */
  async addUser({
    name,
    password,
    project,
    roles,
    domain = 'default',
  }: ProjectUser): Promise<void> {
    const domainId = domain === 'default' ? domain : await this.#ensure('domain', { name: domain });
    const projectId = await this.#ensure('project', { name: project, domain_id: domainId });
    const userId = await this.#ensure('user', { name, password, domain_id: domainId });
    for (const role of roles) {
      const roleId = await this.#ensure('role', { name: role });
      await this.#call('PUT', `/projects/${projectId}/users/${userId}/roles/${roleId}`);
    }
  }

  /** Where clients find the object store: `%(project_id)s` stands for the project. */
  async addObjectStore(url: string): Promise<void> {
    const service_id = await this.#ensure('service', { name: 'torc', type: 'object-store' });
    const endpoint = { service_id, interface: 'public', region: 'RegionOne', url };
    await this.#call('POST', '/endpoints', { endpoint });
  }

  async addEc2Key(user: ProjectUser): Promise<{ access: string; secret: string }> {
    const { userId, projectId } = this.idsOf(user);
    const path = `/users/${userId}/credentials/OS-EC2`;
    const { credential } = await this.#call('POST', path, { tenant_id: projectId });
    return credential as { access: string; secret: string };
  }

  idsOf({ name, project, domain = 'default' }: ProjectUser): { userId: string; projectId: string } {
    const domainId = domain === 'default' ? domain : this.#ids.get(`domain  ${domain}`);
    const idOf = (kind: string, what: string): string =>
      this.#ids.get(`${kind} ${domainId} ${what}`) ?? '';
    return { userId: idOf('user', name), projectId: idOf('project', project) };
  }

  async tokenOf({ name, password, project, domain = 'default' }: ProjectUser): Promise<string> {
    const home = domain === 'default' ? { id: domain } : { name: domain };
    const response = await fetch(`${this.#url}/v3/auth/tokens`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({
        auth: {
          identity: { methods: ['password'], password: { user: { name, password, domain: home } } },
          scope: { project: { name: project, domain: home } },
        },
      }),
    });
    if (response.status !== 201) throw new Error(`no token for ${name}: ${response.status}`);
    return response.headers.get('x-subject-token') ?? '';
  }

  async revoke(token: string): Promise<void> {
    await this.#call('DELETE', '/auth/tokens', undefined, { 'X-Subject-Token': token });
  }

  /** The id of a thing of this name, made unless it is there. */
  async #ensure(kind: string, fields: Readonly<Record<string, string>>): Promise<string> {
    const key = `${kind} ${fields['domain_id'] ?? ''} ${fields['name']}`;
    if (!this.#listed.has(kind)) await this.#learn(kind);
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const made = await this.#call('POST', `/${kind}s`, { [kind]: fields });
    const { id } = made[kind] as { id: string };
    this.#ids.set(key, id);
    return id;
  }

  /** What `bootstrap` made is not made again. */
  async #learn(kind: string): Promise<void> {
    const found = (await this.#call('GET', `/${kind}s`))[`${kind}s`] as Named[];
    for (const { id, name, domain_id } of found) {
      this.#ids.set(`${kind} ${domain_id ?? ''} ${name}`, id);
    }
    this.#listed.add(kind);
  }

  async #call(
    method: string,
    path: string,
    json?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Record<string, unknown>> {
    const response = await fetch(`${this.#url}/v3${path}`, {
      method,
      headers: { 'Content-Type': 'application/json', 'X-Auth-Token': this.#token, ...headers },
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
  }
}

/** A small cloud: Keystone, its users, and a Torc that asks it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ServerProcess } from '../process/server.ts';
import { KeystoneProcess, type ProjectUser, serviceUser } from './keystone.ts';
import { checksOf } from './packages.ts';

export const member = (name: string, project: string, more: object = {}): ProjectUser => ({
  ...{ name, password: `secret-of-${name}`, project, roles: ['member'] },
  ...more,
});

/** A user with a project of his own, for a suite that wants an account to itself. */
export const owner = (name: string): ProjectUser => member(name, `project-of-${name}`);

const nobody: ProjectUser = { name: '', password: '', project: '', roles: [] };

export class Cloud {
  readonly keystone: KeystoneProcess = new KeystoneProcess();
  readonly torc: ServerProcess = new ServerProcess();
  readonly folder: string = mkdtempSync(join(tmpdir(), 'torc-cloud-'));
  readonly #users: Readonly<Record<string, ProjectUser>>;

  constructor(users: Readonly<Record<string, ProjectUser>>) {
    this.#users = users;
  }

  async start(): Promise<void> {
    await this.keystone.start();
    for (const user of [serviceUser, ...Object.values(this.#users)])
      await this.keystone.addUser(user);
    await this.#startTorc();
    await this.keystone.addObjectStore(`${this.torc.httpUrl}/v1/AUTH_%(project_id)s`);
    await this.#writeFacts();
  }

  async #startTorc(): Promise<void> {
    const { name, password, project } = serviceUser;
    const keystone = {
      url: this.keystone.url,
      user: { name, password, projectName: project },
      accounts: [
        { prefix: 'AUTH_', operatorRoles: ['admin', 'member'], readerRoles: ['reader'] },
        { prefix: 'SERVICE_', operatorRoles: ['admin', 'member'], serviceRoles: ['service'] },
      ],
      systemReaderRoles: ['system_reader'],
      // On a machine that is busy a Python may take its time.
      timeoutSeconds: 60,
    };
    // openstacksdk signs TempURLs with SHA-1, whatever /info offers.
    const swift = { tempUrl: { digests: ['sha1', 'sha256', 'sha512'] } };
    const config = join(this.folder, 'torc.json');
    writeFileSync(config, JSON.stringify({ keystone, swift }));
    await this.torc.start(['--config', config, '--https', 'off']);
  }

  get #facts(): string {
    return join(this.folder, 'facts.json');
  }

  /** What suites in Python read: where everything is, and who there is. */
  async #writeFacts(): Promise<void> {
    const users: Record<string, unknown> = {};
    for (const [name, user] of Object.entries(this.#users)) {
      const ec2 = await this.keystone.addEc2Key(user);
      users[name] = { ...user, ...this.keystone.idsOf(user), ec2 };
    }
    const { folder } = this;
    const facts = { url: this.torc.httpUrl, keystone: `${this.keystone.url}/v3`, folder, users };
    writeFileSync(this.#facts, JSON.stringify(facts));
  }

  tokenOf(name: string): Promise<string> {
    return this.keystone.tokenOf(this.#users[name] ?? nobody);
  }

  accountUrl(name: string): string {
    const { projectId } = this.keystone.idsOf(this.#users[name] ?? nobody);
    return `${this.torc.httpUrl}/v1/AUTH_${projectId}`;
  }

  /** The names of the checks that held. */
  suite(name: string): Promise<readonly string[]> {
    return checksOf(name, [this.#facts]);
  }

  async remove(): Promise<void> {
    await this.torc.remove();
    await this.keystone.remove();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

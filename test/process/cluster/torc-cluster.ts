/** A cluster of real processes: `torc serve` on hosts, and etcd. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ClusterMap } from '../../../storage/shard/coordinator.ts';
import { DeviceDisks } from './device-disks.ts';
import { EtcdCluster } from './etcd.ts';
import { type Host, Hosts } from './hosts.ts';
import { eventually } from '../operator.ts';
import type { Credentials } from '../server.ts';

const root = join(import.meta.dirname, '..', '..', '..');
/** Of a device that is a file system of its own; its image is sparse. */
const deviceBytes = 4 * 1024 ** 3;
const httpPort = 8080;
const wirePort = 7443;

export interface NodeShape {
  readonly name: string;
  readonly role: 'all' | 'proxy' | 'storage';
  readonly devices: number;
  readonly zone?: string;
}

export class NodeProcess {
  readonly shape: NodeShape;
  readonly host: Host;
  readonly data: string;
  /** What `serve` is told besides. */
  settings: readonly string[] = [];
  /** Where the sources lie that it runs. */
  code: string = root;
  #child: ChildProcess | undefined;
  #printed = '';

  constructor(shape: NodeShape, host: Host, data: string) {
    this.shape = shape;
    this.host = host;
    this.data = data;
  }

  get name(): string {
    return this.shape.name;
  }

  get url(): string {
    return `http://${this.host.address}:${httpPort}`;
  }

  get wire(): string {
    return `${this.host.address}:${wirePort}`;
  }

  get devices(): readonly string[] {
    return Array.from({ length: this.shape.devices }, (_, place) =>
      join(this.data, 'devices', `d${place + 1}`),
    );
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get runs(): boolean {
    return this.#child !== undefined;
  }

  /** Since its start. */
  get printed(): string {
    return this.#printed;
  }

  /** What `torc cluster init`, `import` and `join` are told of it. */
  get membership(): readonly string[] {
    const { name, role, zone = 'z1' } = this.shape;
    const node = ['--name', name, '--role', role, '--zone', zone];
    return [...node, '--address', this.wire, '--data', this.data];
  }

  /** Runs a verb on this machine. Resolves with what it printed; rejects with its output when it fails. */
  async torc(...args: readonly string[]): Promise<string> {
    const call = [process.execPath, join(this.code, 'bin', 'torc.ts'), ...args];
    const [command = '', ...words] = [...this.host.entering, ...call];
    const { stdout } = await promisify(execFile)(command, words);
    return stdout;
  }

  /** Resolves when it serves. */
  start(): Promise<void> {
    const args = [
      ...['--max-semi-space-size=32', '--heap-growing-percent=300'],
      ...[join(this.code, 'bin', 'torc.ts'), 'serve', '--data', this.data],
      ...['--http', `${this.host.address}:${httpPort}`, '--https', 'off'],
      ...(this.shape.devices > 0 ? ['--devices', this.devices.join(',')] : []),
      ...['--log-level', 'warn', ...this.settings],
    ];
    const [command = '', ...words] = [...this.host.entering, process.execPath, ...args];
    const child = spawn(command, words, {
      ...{ cwd: this.code, stdio: ['ignore', 'pipe', 'pipe'] },
      env: { ...process.env, UV_THREADPOOL_SIZE: '16' },
    });
    this.#child = child;
    this.#printed = '';
    return new Promise((resolve, reject) => {
      const collect = (chunk: Buffer): void => {
        this.#printed += chunk.toString('utf8');
        if (this.#printed.includes('Torc is ready')) resolve();
      };
      child.stdout?.on('data', collect);
      child.stderr?.on('data', collect);
      child.once('exit', (code) => {
        if (this.#child === child) this.#child = undefined;
        reject(new Error(`${this.name} ended with ${code}: ${this.#printed}`));
      });
    });
  }

  /** Resolves with its exit code; null after a signal that killed it, or when it did not run. */
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null> {
    const child = this.#child;
    if (child === undefined) return Promise.resolve(null);
    return new Promise((resolve) => {
      child.once('exit', (code) => resolve(code));
      child.kill(signal);
    });
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child?.kill(signal);
  }
}

export interface ClusterShape {
  readonly nodes: readonly NodeShape[];
  readonly etcd: number;
}

export class TorcCluster {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'torc-cluster-'));
  readonly hosts: Hosts;
  readonly etcd: EtcdCluster;
  readonly etcdHosts: readonly string[];
  readonly nodes: NodeProcess[];
  /** Of the nodes' devices; folders like others until they are made. */
  readonly disks: DeviceDisks;

  private constructor(hosts: Hosts, etcd: EtcdCluster, shape: ClusterShape) {
    this.hosts = hosts;
    this.etcd = etcd;
    this.etcdHosts = etcdNames(shape);
    this.disks = new DeviceDisks(this.folder, deviceBytes);
    this.nodes = shape.nodes.map(
      (node) => new NodeProcess(node, hosts.get(node.name), join(this.folder, node.name)),
    );
  }

  /** Only etcd runs; nothing is a node yet. */
  static async prepare(shape: ClusterShape): Promise<TorcCluster> {
    const names = etcdNames(shape);
    const hosts = Hosts.open([...shape.nodes.map(({ name }) => name), ...names]);
    try {
      const etcd = await EtcdCluster.startOn(names.map((name) => hosts.get(name)));
      return new TorcCluster(hosts, etcd, shape);
    } catch (error) {
      hosts.close();
      throw error;
    }
  }

  node(name: string): NodeProcess {
    const found = this.nodes.find((one) => one.name === name);
    if (found === undefined) throw new Error(`there is no node ${name}`);
    return found;
  }

  get first(): NodeProcess {
    return this.node(this.nodes[0]?.name ?? '');
  }

  /** Of the account that the first node made. */
  get credentials(): Credentials {
    return JSON.parse(
      readFileSync(join(this.first.data, 'credentials.json'), 'utf8'),
    ) as Credentials;
  }

  /** Makes the first node, and starts it. */
  async init(): Promise<void> {
    const etcd = this.etcd.endpoints.join(',');
    await this.first.torc('cluster', 'init', '--etcd', etcd, ...this.first.membership);
    await this.first.start();
  }

  /** As an operator does: a token of the first node, then the machine joins, then it starts. */
  async join(node: NodeProcess): Promise<void> {
    const token = await this.first.torc('cluster', 'token', '--data', this.first.data);
    await node.torc('cluster', 'join', token.trim(), ...node.membership);
    await node.start();
  }

  /** Makes all of it; `form`: what `torc cluster form` is told. Nodes that come later join when it stands. */
  async start(form: readonly string[], later: readonly string[] = []): Promise<void> {
    await this.init();
    const others = this.nodes.slice(1);
    const early = others.filter(({ name }) => !later.includes(name));
    await Promise.all(early.map((node) => this.join(node)));
    await this.first.torc('cluster', 'form', '--data', this.first.data, ...form);
    await this.served();
    for (const node of others) if (later.includes(node.name)) await this.join(node);
  }

  async map(): Promise<ClusterMap> {
    const { data } = this.first;
    let text = '';
    // On a machine that has much to do etcd may be late.
    await eventually('etcd says the map', async () => {
      text = await this.first.torc('cluster', 'status', '--json', '--data', data);
      return true;
    });
    return JSON.parse(text) as ClusterMap;
  }

  /** Resolves when every shard is served with every replica in sync. */
  async served(seconds?: number): Promise<void> {
    const whole = async (): Promise<boolean> => {
      const { shards, sessions = [] } = await this.map();
      const living = new Set(sessions.map(({ id }) => id));
      return (
        shards.length > 0 &&
        shards.every(
          ({ session, inSync, replicas }) =>
            session !== undefined && living.has(session) && inSync.length === replicas.length,
        )
      );
    };
    await eventually('every shard is served with every replica in sync', whole, seconds);
  }

  /** For whoever looks why a test failed: the shards that are not whole, and the end of what each node said. */
  async describe(): Promise<string> {
    const { shards, sessions = [] } = await this.map();
    const living = new Set(sessions.map(({ id }) => id));
    const wrong = shards.filter(
      ({ session = '', inSync, replicas }) =>
        !living.has(session) || inSync.length < replicas.length,
    );
    const said = this.nodes.map(({ name, printed }) => `== ${name}\n${printed.slice(-4000)}`);
    const lines = [...wrong, ...sessions].map((one) => JSON.stringify(one));
    return [...lines, ...said].join('\n');
  }

  /** Resolves when every node with devices has counted anew, and finds no fragment missing. */
  async redundant(seconds?: number): Promise<void> {
    for (const node of this.nodes.filter(({ shape }) => shape.devices > 0)) {
      const isFull = async (): Promise<boolean> => {
        await node.torc('redundancy', '--data', node.data);
        return true;
      };
      await eventually(`no fragment is missing of what ${node.name} serves`, isFull, seconds);
    }
  }

  /** Through the first node, by Swift's door. */
  async createContainers(names: readonly string[]): Promise<void> {
    const { storage, token } = await this.signIn(this.first);
    for (const name of names) {
      const reply = await fetch(`${storage}/${name}`, {
        method: 'PUT',
        headers: { 'X-Auth-Token': token },
      });
      if (!reply.ok) throw new Error(`${name} was not made: ${reply.status}`);
    }
  }

  async signIn(node: NodeProcess): Promise<{ readonly storage: string; readonly token: string }> {
    const { account, user, password } = this.credentials;
    const reply = await fetch(`${node.url}/auth/v1.0`, {
      headers: { 'X-Auth-User': `${account}:${user}`, 'X-Auth-Key': password },
    });
    return {
      storage: reply.headers.get('x-storage-url') ?? '',
      token: reply.headers.get('x-auth-token') ?? '',
    };
  }

  async stop(): Promise<void> {
    for (const node of this.nodes) {
      node.signal('SIGCONT');
      await node.end('SIGKILL');
    }
    await this.etcd.stop();
    this.hosts.close();
    this.disks.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function etcdNames({ etcd }: ClusterShape): readonly string[] {
  return Array.from({ length: etcd }, (_, place) => `e${place + 1}`);
}

/** Real etcd processes for tests: started on free ports, stopped by their ids. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Host } from './hosts.ts';

export async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        resolve(typeof address === 'object' && address !== null ? address.port : 0),
      );
    });
  });
}

interface Member {
  readonly name: string;
  readonly entering: readonly string[];
  readonly client: string;
  readonly peer: string;
  process: ChildProcess | undefined;
}

export class EtcdCluster {
  readonly #folder: string;
  readonly #members: readonly Member[];

  private constructor(folder: string, members: readonly Member[]) {
    this.#folder = folder;
    this.#members = members;
  }

  /** All on this machine. */
  static async start(count: number): Promise<EtcdCluster> {
    const members: Member[] = [];
    for (let place = 0; place < count; place++) {
      const [client, peer] = [await freePort(), await freePort()];
      members.push({
        name: `e${place}`,
        entering: [],
        client: `http://127.0.0.1:${client}`,
        peer: `http://127.0.0.1:${peer}`,
        process: undefined,
      });
    }
    return EtcdCluster.#start(members);
  }

  /** One member a host. */
  static startOn(hosts: readonly Host[]): Promise<EtcdCluster> {
    return EtcdCluster.#start(
      hosts.map(({ name, address, entering }) => ({
        ...{ name, entering, process: undefined },
        client: `http://${address}:2379`,
        peer: `http://${address}:2380`,
      })),
    );
  }

  static async #start(members: readonly Member[]): Promise<EtcdCluster> {
    const cluster = new EtcdCluster(mkdtempSync(join(tmpdir(), 'torc-etcd-')), members);
    for (const place of members.keys()) cluster.startMember(place);
    await cluster.ready();
    return cluster;
  }

  get endpoints(): readonly string[] {
    return this.#members.map((member) => member.client);
  }

  startMember(place: number): void {
    const member = this.#members[place];
    if (member === undefined || member.process !== undefined) throw new Error('no such member');
    const { name, entering, client, peer } = member;
    const initial = this.#members.map((one) => `${one.name}=${one.peer}`).join(',');
    const args = [
      ...['--name', name, '--data-dir', join(this.#folder, name)],
      ...['--listen-client-urls', client, '--advertise-client-urls', client],
      ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
      ...['--initial-cluster', initial, '--logger', 'zap', '--log-level', 'error'],
      // Many tests share a machine: a slow disk must not make members stand for election.
      ...['--heartbeat-interval', '100', '--election-timeout', '1000'],
    ];
    const [command = '', ...words] = [...entering, 'etcd', ...args];
    member.process = spawn(command, words, { stdio: 'ignore' });
  }

  async killMember(place: number): Promise<void> {
    const member = this.#members[place];
    const running = member?.process;
    if (member === undefined || running === undefined) return;
    member.process = undefined;
    const gone = new Promise((resolve) => running.once('exit', resolve));
    running.kill('SIGKILL');
    await gone;
  }

  /** SIGSTOP and SIGCONT: it stands still, and goes on. */
  signalMember(place: number, signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#members[place]?.process?.kill(signal);
  }

  /** Resolves when a majority answers. */
  async ready(): Promise<void> {
    const until = Date.now() + 30_000;
    while (Date.now() < until) {
      for (const member of this.#members) {
        if (member.process === undefined) continue;
        try {
          const reply = await fetch(`${member.client}/health`);
          const { health } = (await reply.json()) as { health: string };
          if (health === 'true') return;
        } catch {
          // Not there yet.
        }
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error('etcd does not start');
  }

  /** Everything that it held is lost; new members under the same addresses know nothing. */
  async loseAll(): Promise<void> {
    for (const place of this.#members.keys()) await this.killMember(place);
    for (const { name } of this.#members) {
      rmSync(join(this.#folder, name), { recursive: true, force: true });
    }
    for (const place of this.#members.keys()) this.startMember(place);
    await this.ready();
  }

  async stop(): Promise<void> {
    for (const place of this.#members.keys()) await this.killMember(place);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

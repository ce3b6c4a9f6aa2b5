/**
 * Machines for tests. Where it is allowed each is a network namespace, joined to the others by a bridge, so that
 * one can be cut off from another; else each is an address of the loopback network, and nothing can be cut.
 */
import { execFileSync } from 'node:child_process';
import { randomInt } from 'node:crypto';

export interface Host {
  readonly name: string;
  readonly address: string;
  /** Words that go before a command that is to run there. */
  readonly entering: readonly string[];
}

function ip(...words: readonly string[]): string {
  return execFileSync('ip', [...words], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Made by the test, so that both sides of a cable know each other without asking. */
function hardwareAddress(place: number): string {
  return `02:74:6f:72:63:${(place + 1).toString(16).padStart(2, '0')}`;
}

/** Nobody has it: what is sent there is lost, and the sender is not told. */
const nowhere = '02:74:6f:72:63:00';

interface Namespace {
  readonly name: string;
  readonly place: number;
}

/** What test processes that were killed have left. */
function removeLeftovers(): void {
  const namespaces = ip('-o', 'netns', 'list').matchAll(/^(torc-(\d+)-[\w-]+)/gm);
  for (const [, name = '', pid] of namespaces) {
    if (!lives(Number(pid))) ip('netns', 'delete', name);
  }
  const bridges = ip('-o', 'link', 'show', 'type', 'bridge').matchAll(/ (torc(\d+)):/g);
  for (const [, name = '', pid] of bridges) {
    if (!lives(Number(pid))) ip('link', 'delete', name);
  }
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

export class Hosts {
  readonly #hosts: ReadonlyMap<string, Host>;
  /** Empty where nothing can be cut. */
  readonly #namespaces: ReadonlyMap<string, Namespace>;
  readonly #bridge: string;

  private constructor(
    hosts: readonly Host[],
    namespaces: ReadonlyMap<string, Namespace>,
    bridge: string,
  ) {
    this.#hosts = new Map(hosts.map((host) => [host.name, host]));
    this.#namespaces = namespaces;
    this.#bridge = bridge;
  }

  static open(names: readonly string[]): Hosts {
    try {
      removeLeftovers();
      return Hosts.#asNamespaces(names);
    } catch (error) {
      process.stdout.write(`no network namespaces here, so nothing is cut off: ${String(error)}\n`);
      return Hosts.#asAddresses(names);
    }
  }

  static #asAddresses(names: readonly string[]): Hosts {
    const net = `127.${randomInt(64, 250)}.${randomInt(1, 250)}`;
    const hosts = names.map((name, place) => ({
      ...{ name, address: `${net}.${place + 1}`, entering: [] },
    }));
    return new Hosts(hosts, new Map(), '');
  }

  static #asNamespaces(names: readonly string[]): Hosts {
    const net = `10.${randomInt(128, 250)}.${randomInt(1, 250)}`;
    const bridge = `torc${process.pid}`;
    const namespaces = new Map<string, Namespace>();
    const hosts: Host[] = [];
    const made = new Hosts([], namespaces, bridge);
    try {
      ip('link', 'add', bridge, 'type', 'bridge');
      ip('address', 'add', `${net}.254/24`, 'dev', bridge);
      ip('link', 'set', bridge, 'up');
      for (const [place, name] of names.entries()) {
        const namespace = `torc-${process.pid}-${name}`;
        const address = `${net}.${place + 1}`;
        ip('netns', 'add', namespace);
        namespaces.set(name, { name: namespace, place });
        const cable = `tc${process.pid}x${place}`;
        const peer = ['peer', 'name', 'eth0', 'netns', namespace];
        ip('link', 'add', cable, 'type', 'veth', ...peer);
        ip('link', 'set', cable, 'master', bridge, 'up');
        const inside = (...words: readonly string[]): string => ip('-n', namespace, ...words);
        inside('link', 'set', 'eth0', 'address', hardwareAddress(place));
        inside('address', 'add', `${address}/24`, 'dev', 'eth0');
        inside('link', 'set', 'eth0', 'up');
        inside('link', 'set', 'lo', 'up');
        const entering = ['nsenter', `--net=/run/netns/${namespace}`, '--'];
        hosts.push({ name, address, entering });
      }
      const opened = new Hosts(hosts, namespaces, bridge);
      opened.joinAll();
      return opened;
    } catch (error) {
      made.close();
      throw error;
    }
  }

  get canCut(): boolean {
    return this.#namespaces.size > 0;
  }

  get(name: string): Host {
    const host = this.#hosts.get(name);
    if (host === undefined) throw new Error(`there is no host ${name}`);
    return host;
  }

  #neighbour(from: string, to: string, hardware: (place: number) => string): void {
    const [own, other] = [this.#namespaces.get(from), this.#namespaces.get(to)];
    if (own === undefined || other === undefined) return;
    const entry = [this.get(to).address, 'lladdr', hardware(other.place)];
    ip('-n', own.name, 'neighbour', 'replace', ...entry, 'dev', 'eth0', 'nud', 'permanent');
  }

  /** What `from` sends to `to` is lost; the other direction stays as it is. */
  cut(from: string, to: string): void {
    this.#neighbour(from, to, () => nowhere);
  }

  join(from: string, to: string): void {
    this.#neighbour(from, to, hardwareAddress);
  }

  joinAll(): void {
    for (const from of this.#namespaces.keys()) {
      for (const to of this.#namespaces.keys()) if (from !== to) this.join(from, to);
    }
  }

  close(): void {
    for (const { name } of this.#namespaces.values()) ip('netns', 'delete', name);
    if (this.#bridge !== '') ip('link', 'delete', this.#bridge);
  }
}

/** Clients of a cluster in a process of their own (clients.py), and what they saw. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import {
  describeHistory,
  type Event,
  type KeyState,
  linearizable,
  type Operation,
  type PutCondition,
  stateOf,
} from '../../sim/history.ts';
import { toolPath } from '../python-tools.ts';
import type { Credentials } from '../server.ts';

export interface ClientsPlan {
  readonly endpoints: readonly string[];
  readonly credentials: Credentials;
  readonly containers: readonly string[];
  readonly seed: number;
  readonly clients: number;
  /** Between two operations of a client at most. */
  readonly pauseSeconds: number;
}

/** Keys are new after so long, so that no history is too long to be judged. */
const roundSeconds = 10;

interface Told {
  readonly type: 'put' | 'delete' | 'read' | 'list' | 'failed' | 'broken' | 'stopped';
  readonly container: string;
  readonly key: string;
  readonly start: number;
  readonly end?: number;
  readonly outcome?: Event['outcome'];
  readonly etag?: string;
  readonly condition?: PutCondition;
  readonly found?: boolean | null;
  readonly seen?: string | null;
  readonly states?: Readonly<Record<string, string | null>>;
  readonly message?: string;
}

const stateIn = (etag: string | null | undefined): KeyState =>
  etag === null || etag === undefined ? undefined : stateOf(etag, undefined);

function operationOf({ type, etag = '', condition, found }: Told): Operation {
  if (type === 'put') return { type, etag, condition: condition ?? { type: 'none' } };
  return { type: 'remove', found: found ?? undefined };
}

export class ClusterClients {
  readonly counts: { ok: number; refused: number; unknown: number; failed: number } = {
    ok: 0,
    refused: 0,
    unknown: 0,
    failed: 0,
  };
  /** Promises that do not hold, in words. */
  readonly broken: string[] = [];
  /** Why requests failed, and how often. */
  readonly failures: Map<string, number> = new Map();
  readonly #histories = new Map<string, Event[]>();
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;
  #onStopped: () => void = () => undefined;

  constructor(plan: ClientsPlan) {
    const { credentials, endpoints, containers, seed, clients } = plan;
    const given = {
      ...{ endpoints, containers, seed, clients, roundSeconds, pause: plan.pauseSeconds },
      access: credentials.accessKeyId,
      secret: credentials.secretAccessKey,
      user: `${credentials.account}:${credentials.user}`,
      password: credentials.password,
    };
    const script = join(import.meta.dirname, 'clients.py');
    this.#child = spawn(toolPath('python'), [script, JSON.stringify(given)], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, PYTHONWARNINGS: 'ignore' },
    });
    this.#ended = new Promise((resolve) => this.#child.once('close', (code) => resolve(code)));
    if (this.#child.stdout !== null) {
      createInterface(this.#child.stdout).on('line', (line) =>
        this.#take(JSON.parse(line) as Told),
      );
    }
  }

  #take(told: Told): void {
    const { type, message = '', container, key } = told;
    if (type === 'stopped') this.#onStopped();
    else if (type === 'broken') this.broken.push(`${container} ${key}: ${message}`);
    else if (type === 'failed') {
      this.counts.failed++;
      // Where it was asked for is not why it failed.
      const why = message.replaceAll(/(https?:\/\/[^/"\s]+)?\/[^"\s]*/g, '$1/…').slice(0, 120);
      this.failures.set(why, (this.failures.get(why) ?? 0) + 1);
    } else if (type === 'read') this.#saw(told, key, told.seen);
    else if (type === 'list') {
      for (const [one, seen] of Object.entries(told.states ?? {})) this.#saw(told, one, seen);
    } else {
      const { start, end = Number.POSITIVE_INFINITY, outcome = 'unknown' } = told;
      this.#note(container, key, { start, end, outcome, operation: operationOf(told) });
    }
  }

  #saw(
    { container, start, end = start }: Told,
    key: string,
    seen: string | null | undefined,
  ): void {
    const operation: Operation = { type: 'read', seen: stateIn(seen) };
    this.#note(container, key, { start, end, outcome: 'ok', operation });
  }

  #note(container: string, key: string, event: Event): void {
    const name = `${container} ${key}`;
    const history = this.#histories.get(name) ?? [];
    history.push(event);
    this.#histories.set(name, history);
    this.counts[event.outcome]++;
  }

  /** Resolves when no client is at work any more. */
  stop(): Promise<void> {
    const stopped = new Promise<void>((resolve) => {
      this.#onStopped = resolve;
    });
    this.#child.stdin?.write('stop\n');
    return stopped;
  }

  /** After `stop`: reads everything through every node, and judges all that was seen. Resolves with what is wrong. */
  async check(): Promise<readonly string[]> {
    this.#child.stdin?.write('check\n');
    const code = await this.#ended;
    const wrong = [...this.broken];
    if (code !== 0) wrong.push(`the clients ended with ${code}`);
    for (const [name, history] of this.#histories) {
      const verdict = linearizable(history);
      if (verdict === 'yes') continue;
      const why = verdict === 'no' ? 'no order explains' : 'it takes too long to explain';
      wrong.push(`${why} what was seen of ${name}:\n${describeHistory(history)}`);
    }
    return wrong;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}

/** What operators read: metrics, health, status. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { servedDevices } from '../cell/served-devices.ts';
import type { ClusterMap } from '../../storage/shard/coordinator.ts';
import type { Cell } from '../cell/cell.ts';
import type { BackupCounts } from '../work/backup/backup-keeper.ts';
import type { Served } from '../http/front.ts';
import { answerEndpoints, type EndpointsSource } from './endpoints.ts';
import { type Told, createMetrics } from './metrics.ts';
import { answerRecon, reconSourceOf } from './recon.ts';
import { Statsd, type StatsdSettings } from './statsd.ts';

export interface Admin {
  handle(request: IncomingMessage, response: ServerResponse): void;
  observe(served: Served): void;
  close(): void;
}

/** What `GET /torc/status` and `torc status` show. */
export interface StatusReport {
  readonly version: string;
  readonly policies: readonly {
    readonly name: string;
    readonly aliases?: readonly string[];
    readonly scheme: string;
    readonly isDefault?: true;
    readonly isDeprecated?: true;
  }[];
  readonly devices: readonly { id: number; path: string; state: 'up' | 'away'; reason?: string }[];
  readonly shards: {
    readonly total: number;
    readonly served: number;
    /** Shards with every replica in sync. */
    readonly full: number;
  };
  readonly workers: ReturnType<Cell['workers']['status']>;
  /** Since the start: rounds over all devices, what they read, and what was bad. */
  readonly audit: {
    readonly fragments: Cell['workers']['auditor']['counts'];
    readonly inlineBodies: Cell['workers']['scrub']['counts'];
  };
  /** Since the start: keys that were looked at, and what the rules did. */
  readonly lifecycle: {
    readonly rules: Cell['workers']['keeper']['counts'];
    readonly moves: Cell['workers']['mover']['counts'];
  };
  readonly redundancy: Cell['workers']['reconciler']['report'] | null;
  /** Of the shards served here; null when none are kept. */
  readonly metadataBackup: BackupCounts | null;
  /** Of a cluster's node: ISO 8601. */
  readonly certificateEnds?: string;
}

function policiesOf(map: ClusterMap): StatusReport['policies'] {
  return map.policies.map(({ name, aliases, scheme, isDeprecated }) => ({
    name,
    ...(aliases === undefined ? {} : { aliases }),
    scheme,
    ...(name === map.defaultPolicy ? { isDefault: true } : {}),
    ...(isDeprecated === true ? { isDeprecated } : {}),
  }));
}

function statusOf({ cell, version, certificate }: AdminOptions): StatusReport {
  const map = cell.coordinator.current();
  const served = servedDevices(map);
  const away = new Map([
    ...map.devices
      .filter(({ id }) => served?.has(id) === false)
      .map(({ id, node }) => [id, `node ${node} does not serve it`] as const),
    ...cell.away().map((device) => [device.id, device.reason] as const),
  ]);
  return {
    version,
    policies: policiesOf(map),
    devices: map.devices.map(({ id, path }) => {
      const reason = away.get(id);
      return reason === undefined ? { id, path, state: 'up' } : { id, path, state: 'away', reason };
    }),
    shards: {
      total: map.shards.length,
      served: cell.group.own().length,
      full: map.shards.filter((shard) => shard.inSync.length === shard.replicas.length).length,
    },
    workers: cell.workers.status(),
    audit: {
      fragments: cell.workers.auditor.counts,
      inlineBodies: cell.workers.scrub.counts,
    },
    lifecycle: { rules: cell.workers.keeper.counts, moves: cell.workers.mover.counts },
    redundancy: cell.workers.reconciler.report ?? null,
    metadataBackup: cell.workers.backupKeeper?.counts ?? null,
    ...(certificate && { certificateEnds: new Date(certificate.ends).toISOString() }),
  };
}

export interface AdminOptions extends Told {
  readonly cell: Cell;
  readonly version: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Undefined: nobody collects them. */
  readonly statsd: StatsdSettings | undefined;
}

export function createAdmin(options: AdminOptions): Admin {
  const { cell, version } = options;
  const metrics = createMetrics(cell, options);
  const statsd = options.statsd === undefined ? undefined : new Statsd(options.statsd);
  const recon = reconSourceOf(cell, version, options.now);
  const reply = (response: ServerResponse, status: number, type: string, text: string): void => {
    response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(text) });
    response.end(text);
  };
  const endpoints: EndpointsSource = {
    rows: cell.rows,
    map: () => cell.coordinator.current(),
    homesOf: (stored) => cell.placement.homesOf(stored).map(({ device }) => device),
  };
  /** `found` undefined: there is nothing of this path. */
  const answerJson = (response: ServerResponse, path: string, found: Promise<unknown>): void => {
    found.then(
      (value) => {
        if (value === undefined) reply(response, 404, 'text/plain', `Invalid path: ${path}`);
        else reply(response, 200, 'application/json', JSON.stringify(value));
      },
      () => reply(response, 500, 'text/plain', 'Internal server error.'),
    );
  };
  return {
    observe: (served) => {
      metrics.observe(served);
      statsd?.observe(served);
    },
    close: () => statsd?.close(),
    handle: (request, response) => {
      const [path = ''] = (request.url ?? '').split('?');
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        reply(response, 405, 'text/plain', 'only GET and HEAD\n');
      } else if (path === '/torc/health') {
        reply(response, 200, 'text/plain', 'OK\n');
      } else if (path === '/torc/status') {
        const text = `${JSON.stringify(statusOf(options), null, 2)}\n`;
        reply(response, 200, 'application/json', text);
      } else if (path.startsWith('/recon/')) {
        answerJson(response, path, answerRecon(recon, path));
      } else if (path.startsWith('/endpoints/')) {
        answerJson(response, path, answerEndpoints(endpoints, path));
      } else if (path === '/metrics') {
        metrics.render().then(
          (text) => reply(response, 200, metrics.contentType, text),
          () => reply(response, 500, 'text/plain', 'metrics failed\n'),
        );
      } else {
        reply(response, 404, 'text/plain', 'not found\n');
      }
    },
  };
}

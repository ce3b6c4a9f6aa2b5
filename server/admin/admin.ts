/** What operators read: metrics, health, status. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Cell } from '../cell/cell.ts';
import type { Served } from '../http/front.ts';

export interface Admin {
  handle(request: IncomingMessage, response: ServerResponse): void;
  observe(served: Served): void;
}

/** What `GET /torc/status` and `torc status` show. */
export interface StatusReport {
  readonly version: string;
  readonly devices: readonly { id: number; path: string; state: 'up' | 'away'; reason?: string }[];
  readonly shards: {
    readonly total: number;
    readonly served: number;
    /** Shards with every replica in sync. */
    readonly full: number;
  };
  readonly workers: ReturnType<Cell['workers']['status']>;
  readonly redundancy: Cell['workers']['reconciler']['report'] | null;
}

export function statusOf(cell: Cell, version: string): StatusReport {
  const map = cell.coordinator.current();
  const away = new Map(cell.away().map((device) => [device.id, device.reason]));
  return {
    version,
    devices: map.devices.map(({ id, path }) => {
      const reason = away.get(id);
      return reason === undefined ? { id, path, state: 'up' } : { id, path, state: 'away', reason };
    }),
    shards: {
      total: map.shards.length,
      served: cell.group.all().filter((shard) => shard.primary !== undefined).length,
      full: map.shards.filter((shard) => shard.inSync.length === shard.replicas.length).length,
    },
    workers: cell.workers.status(),
    redundancy: cell.workers.reconciler.report ?? null,
  };
}

export function createAdmin(options: { readonly cell: Cell; readonly version: string }): Admin {
  const { cell, version } = options;
  const registers = [new Registry()];
  const requests = new Counter({
    name: 'torc_requests_total',
    help: 'Requests answered.',
    labelNames: ['door', 'method', 'status'],
    registers,
  });
  const seconds = new Histogram({
    name: 'torc_request_seconds',
    help: 'From the first byte of a request to the last of its reply.',
    labelNames: ['door', 'method'],
    buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 60],
    registers,
  });
  const workers = new Gauge({
    name: 'torc_worker_jobs',
    help: 'Jobs of background workers since the start.',
    labelNames: ['worker', 'outcome'],
    registers,
    collect() {
      for (const worker of cell.workers.status()) {
        this.set({ worker: worker.name, outcome: 'done' }, worker.done);
        this.set({ worker: worker.name, outcome: 'failed' }, worker.failed);
      }
    },
  });
  const devices = new Gauge({
    name: 'torc_devices',
    help: 'Devices by state.',
    labelNames: ['state'],
    registers,
    collect() {
      this.set({ state: 'up' }, cell.devices().length);
      this.set({ state: 'away' }, cell.away().length);
    },
  });
  void workers;
  void devices;
  const [registry] = registers;
  const reply = (response: ServerResponse, status: number, type: string, text: string): void => {
    response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(text) });
    response.end(text);
  };
  return {
    observe: (served) => {
      const { door, method, status } = served;
      requests.inc({ door, method, status });
      seconds.observe({ door, method }, served.seconds);
    },
    handle: (request, response) => {
      const path = (request.url ?? '').split('?')[0];
      if (path === '/torc/health') {
        reply(response, 200, 'text/plain', 'OK\n');
      } else if (path === '/torc/status') {
        const text = `${JSON.stringify(statusOf(cell, version), null, 2)}\n`;
        reply(response, 200, 'application/json', text);
      } else if (path === '/metrics' && registry !== undefined) {
        registry.metrics().then(
          (text) => reply(response, 200, registry.contentType, text),
          () => reply(response, 500, 'text/plain', 'metrics failed\n'),
        );
      } else {
        reply(response, 404, 'text/plain', 'not found\n');
      }
    },
  };
}

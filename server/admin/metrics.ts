/** What Prometheus reads at `GET /metrics`. */
import { METHODS } from 'node:http';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Cell } from '../cell/cell.ts';
import type { FeedSource } from '../feeds/source.ts';
import type { Served } from '../http/front.ts';

export interface Metrics {
  readonly contentType: string;
  observe(served: Served): void;
  render(): Promise<string>;
}

const methods: ReadonlySet<string> = new Set(METHODS);

/** A label from a fixed set: clients may send any token as a method, and each label costs memory for good. */
function operationOf({ operation, method }: Served): string {
  if (operation !== 'unknown') return operation;
  return methods.has(method) ? method : 'other';
}

/** What waits for targets, or was let go, by container: read from the shards when it is asked for. */
function addFeedGauges(registers: Registry[], { feeds, accessLog }: Told): void {
  new Gauge({
    name: 'torc_access_log_lines_dropped',
    help: 'Lines of access logs that were given up since the start.',
    registers,
    collect() {
      this.set(accessLog.dropped);
    },
  });
  const gauges = [
    ['pending', 'Events that wait for a target.'],
    ['retrying', 'Of those: refused by the target, to be tried again later.'],
    ['dropped', 'Events let go: too many waited, too long, or the target refused them.'],
  ] as const;
  for (const [what, help] of gauges) {
    new Gauge({
      name: `torc_feed_${what}`,
      help,
      labelNames: ['target', 'account', 'container', 'rule'],
      registers,
      async collect() {
        this.reset();
        for (const feed of await feeds.backlogs()) {
          const { target, account, container, rule } = feed;
          // A container may lie in several pieces, each with its own.
          this.inc({ target, account, container, rule }, feed[what] ?? 0);
        }
      },
    });
  }
}

function addCertificateGauge(registers: Registry[], { certificate }: Told): void {
  if (certificate === undefined) return;
  new Gauge({
    name: 'torc_certificate_ends_seconds',
    help: "When this node's certificate ends, in seconds since 1970. It renews itself 90 days before.",
    registers,
    collect() {
      this.set(certificate.ends / 1000);
    },
  });
}

/** What is told beside replies. */
export interface Told {
  readonly feeds: FeedSource;
  /** Lines that were given up since the start. */
  readonly accessLog: { readonly dropped: number };
  /** Of a cluster's node: when it ends, in milliseconds since 1970. */
  readonly certificate: { readonly ends: number } | undefined;
}

export function createMetrics(cell: Cell, told: Told): Metrics {
  const registry = new Registry();
  const registers = [registry];
  addFeedGauges(registers, told);
  addCertificateGauge(registers, told);
  const requests = new Counter({
    name: 'torc_requests_total',
    help: 'Requests answered.',
    labelNames: ['door', 'operation', 'status'],
    registers,
  });
  const seconds = new Histogram({
    name: 'torc_request_seconds',
    help: 'From the first byte of a request to the last of its reply.',
    labelNames: ['door', 'operation'],
    buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 60],
    registers,
  });
  const bytes = new Counter({
    name: 'torc_body_bytes_total',
    help: 'Bytes of bodies: in as declared by clients (of chunked ones as received), out as sent.',
    labelNames: ['door', 'direction'],
    registers,
  });
  new Gauge({
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
  new Gauge({
    name: 'torc_lifecycle',
    help: 'What lifecycle rules did since the start: keys looked at, versions removed, marked and moved, bytes moved, uploads aborted; and how late it is.',
    labelNames: ['what'],
    registers,
    collect() {
      const { keeper, mover } = cell.workers;
      const counts = { ...keeper.counts, ...mover.counts };
      for (const [what, count] of Object.entries(counts)) this.set({ what }, count);
    },
  });
  new Gauge({
    name: 'torc_devices',
    help: 'Devices by state.',
    labelNames: ['state'],
    registers,
    collect() {
      this.set({ state: 'up' }, cell.devices().length);
      this.set({ state: 'away' }, cell.away().length);
    },
  });
  return {
    contentType: registry.contentType,
    observe: (served) => {
      const { door, status } = served;
      const operation = operationOf(served);
      requests.inc({ door, operation, status });
      seconds.observe({ door, operation }, served.seconds);
      if (served.bytesIn > 0) bytes.inc({ door, direction: 'in' }, served.bytesIn);
      if (served.bytesOut > 0) bytes.inc({ door, direction: 'out' }, served.bytesOut);
    },
    render: () => registry.metrics(),
  };
}

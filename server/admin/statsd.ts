/**
 * Figures for a statsd collector, in the names that Swift's proxy has for them
 * (swift/common/middleware/proxy_logging.py): `proxy-server.<resource>.<method>.<status>`. A
 * datagram that does not arrive is nobody's loss, so nothing waits for it and nothing is kept.
 */
import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { Served } from '../http/front.ts';

export interface StatsdSettings {
  readonly host: string;
  readonly port: number;
  /** Before every name, with a dot between; '' for none. */
  readonly prefix: string;
}

/** Methods that Swift counts by name. */
const methods: ReadonlySet<string> = new Set([
  ...['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'COPY', 'OPTIONS', 'UPDATE'],
]);

/** What a request did, as lines of one datagram. */
export function linesOf(served: Served, prefix: string): string {
  const { method, status, seconds, bytesIn, bytesOut } = served;
  const counted = methods.has(method) ? method : 'BAD_METHOD';
  const parts = [prefix, 'proxy-server', resourceOf(served), counted, String(status)];
  const name = parts.filter((part) => part !== '').join('.');
  const millis = Math.round(seconds * 1_000_000) / 1000;
  return `${name}.timing:${millis}|ms\n${name}.xfer:${bytesIn + bytesOut}|c`;
}

/** Of the S3 door the operation itself: its names say more than Swift's resources. */
function resourceOf({ door, operation }: Served): string {
  if (door === 's3') return operation === 'unknown' ? 'UNKNOWN' : `s3api.${operation}`;
  const found = /(Account|Container|Object)$/.exec(operation);
  if (found?.[1] !== undefined) return found[1].toLowerCase();
  return operation === 'BulkDelete' || operation === 'ExtractArchive' ? 'account' : 'UNKNOWN';
}

export class Statsd {
  readonly #settings: StatsdSettings;
  readonly #socket: Socket;

  constructor(settings: StatsdSettings) {
    this.#settings = settings;
    this.#socket = createSocket(isIPv6(settings.host) ? 'udp6' : 'udp4');
    // A collector that is away answers with ICMP, or its name with nothing.
    this.#socket.on('error', () => undefined);
    this.#socket.unref();
  }

  observe(served: Served): void {
    const { host, port, prefix } = this.#settings;
    this.#socket.send(linesOf(served, prefix), port, host, () => undefined);
  }

  close(): void {
    this.#socket.close();
  }
}

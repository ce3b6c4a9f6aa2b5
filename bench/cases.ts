/** The S3 cases: what each sends. Keys and bodies are made, and small requests signed, before the clock starts. */
import { randomBytes } from 'node:crypto';
import { KiB, MiB } from '../base/units.ts';
import { type SignedRequest, sha256Hex, sign, type Target } from './sign.ts';

export interface Case {
  readonly name: string;
  readonly connections: number;
  /** Small requests go through autocannon, large ones through our streaming client. */
  readonly client: 'autocannon' | 'stream';
  readonly seconds: number;
  /** What must exist before: this many objects of this size below `prefix`. */
  readonly prepare?: { readonly prefix: string; readonly count: number; readonly size: number };
  /** The requests of one connection, to be sent over and over. */
  requests(target: Target, connection: number): readonly CaseRequest[];
}

export interface CaseRequest extends SignedRequest {
  readonly body?: Uint8Array;
}

export const container = 'bench-container';

const bodies = new Map<number, { bytes: Uint8Array; hash: string }>();
export function bodyOf(size: number): { bytes: Uint8Array; hash: string } {
  let body = bodies.get(size);
  if (body === undefined) {
    const bytes = randomBytes(size);
    body = { bytes, hash: sha256Hex(bytes) };
    bodies.set(size, body);
  }
  return body;
}

const emptyHash = sha256Hex(new Uint8Array(0));

export function putRequest(target: Target, key: string, size: number): CaseRequest {
  const { bytes, hash } = bodyOf(size);
  const path = `/${container}/${key}`;
  return { ...sign(target, { method: 'PUT', path, payloadHash: hash, size }), body: bytes };
}

function plainRequest(target: Target, method: string, key: string, query = ''): CaseRequest {
  const path = key === '' ? `/${container}` : `/${container}/${key}`;
  return sign(target, { method, path, query, payloadHash: emptyHash });
}

const sizeNames: readonly (readonly [string, number])[] = [
  ['4KiB', 4 * KiB],
  ['1MiB', MiB],
  ['64MiB', 64 * MiB],
];

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

function objectCases(name: string, size: number, connections: number): Case[] {
  const client = size <= 4 * KiB ? 'autocannon' : 'stream';
  const perConnection = size <= 4 * KiB ? 200 : size <= MiB ? 16 : 2;
  const count = size <= 4 * KiB ? 1000 : size <= MiB ? 64 : 4;
  const prefix = `get-${name}`;
  const seconds = size > MiB ? 8 : 5;
  return [
    {
      name: `put-${name}-c${connections}`,
      connections,
      client,
      seconds,
      requests: (target, connection) =>
        range(perConnection).map((i) => putRequest(target, `put-${name}/${connection}/${i}`, size)),
    },
    {
      name: `get-${name}-c${connections}`,
      connections,
      client,
      seconds,
      prepare: { prefix, count, size },
      requests: (target, connection) =>
        range(Math.min(count, 200)).map((i) =>
          plainRequest(target, 'GET', `${prefix}/${(i + connection * 7) % count}`),
        ),
    },
  ];
}

function headCase(connections: number): Case {
  return {
    name: `head-c${connections}`,
    connections,
    // autocannon waits for the body that the Content-Length of a HEAD speaks of.
    client: 'stream',
    seconds: 5,
    prepare: { prefix: 'get-4KiB', count: 1000, size: 4 * KiB },
    requests: (target, connection) =>
      range(200).map((i) =>
        plainRequest(target, 'HEAD', `get-4KiB/${(i + connection * 7) % 1000}`),
      ),
  };
}

function listCase(connections: number): Case {
  const count = 100_000;
  return {
    name: `list-1000-of-100000-c${connections}`,
    connections,
    client: 'stream',
    seconds: 5,
    prepare: { prefix: 'list', count, size: 16 },
    requests: (target, connection) =>
      range(20).map((i) => {
        const after = `list/${(i * 4999 + connection * 311) % count}`;
        const query = `list-type=2&max-keys=1000&prefix=list%2F&start-after=${encodeURIComponent(after)}`;
        const sorted = query.split('&').sort().join('&');
        return plainRequest(target, 'GET', '', sorted);
      }),
  };
}

/** Of 20 requests 9 GET, 6 HEAD, 3 PUT, 2 DELETE: 45, 30, 15 and 10 in a hundred. */
function mixedCase(connections: number): Case {
  const size = 10 * MiB;
  return {
    name: `mixed-10MiB-c${connections}`,
    connections,
    client: 'stream',
    seconds: 8,
    prepare: { prefix: 'mixed', count: 8, size },
    requests: (target, connection) =>
      range(20).map((i) => {
        const shared = `mixed/${(i + connection) % 8}`;
        const own = `mixed-own/${connection}/${i % 3}`;
        if (i % 20 < 9) return plainRequest(target, 'GET', shared);
        if (i % 20 < 15) return plainRequest(target, 'HEAD', shared);
        if (i % 20 < 18) return putRequest(target, own, size);
        return plainRequest(target, 'DELETE', own);
      }),
  };
}

export const cases: readonly Case[] = [
  ...sizeNames.flatMap(([name, size]) =>
    (size > MiB ? [1, 4, 16, 64] : [1, 16, 64]).flatMap((connections) =>
      objectCases(name, size, connections),
    ),
  ),
  headCase(16),
  listCase(8),
  mixedCase(8),
];

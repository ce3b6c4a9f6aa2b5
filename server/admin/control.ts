/**
 * What only the operator of this machine may do: a server on 127.0.0.1 whose address and random token
 * lie in `control.json` of the data folder, mode 0600. The public ports never carry these calls.
 */
import { timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Clock } from '../../base/clock.ts';
import { toHex, utf8 } from '../../base/bytes.ts';
import { createDurably, type Disk } from '../../base/disk.ts';
import { StoreError, toStoreError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import type { Cell } from '../cell/cell.ts';
import type { OpenKeys } from '../keys/open-keys.ts';
import { answerKeyCall } from '../keys/operator.ts';
import { FsckRuns } from '../work/fsck.ts';
import { answerRingCall, findDevice } from '../rings/operator.ts';
import { answerShardCall } from './shards.ts';

export const controlPath = 'control.json';

/** The content of `control.json`. */
export interface ControlAddress {
  readonly url: string;
  readonly token: string;
}

export interface ControlOptions {
  readonly cell: Cell;
  readonly keys: OpenKeys;
  readonly data: Disk;
  readonly random: Random;
  readonly clock: Clock;
}

/** Resolves with what closes it again and takes the file away. */
export async function openControl(options: ControlOptions): Promise<() => Promise<void>> {
  const { data, random } = options;
  const token = toHex(random.bytes(32));
  const { placement, work, group } = options.cell;
  const checks = new FsckRuns({
    ...{ placement, own: work, all: group },
    devices: () => options.cell.devices().map(({ id, fragments }) => ({ id, store: fragments })),
  });
  const server = createServer((request, response) => {
    answer({ ...options, checks }, token, request).then(
      (text) => reply(response, 200, text),
      (error: unknown) => {
        const known = toStoreError(error, 'control');
        const status = known.kind === 'access-denied' ? 403 : known.kind === 'conflict' ? 409 : 400;
        reply(response, status, known.message);
      },
    );
  });
  const port = await listenLocally(server);
  const address: ControlAddress = { url: `http://127.0.0.1:${port}`, token };
  await createDurably(data, controlPath, utf8(JSON.stringify(address)));
  return async () => {
    await data.remove(controlPath);
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  };
}

function listenLocally(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      reject(new StoreError('internal', 'control.listen', 'no local port', { cause }));
    });
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}

function reply(response: ServerResponse, status: number, text: string): void {
  const body = Buffer.from(`${text}\n`);
  response.writeHead(status, { 'Content-Type': 'text/plain', 'Content-Length': body.length });
  response.end(body);
}

function isAllowed(token: string, request: IncomingMessage): boolean {
  const given = Buffer.from(request.headers.authorization ?? '');
  const wanted = Buffer.from(`Bearer ${token}`);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

async function answer(
  { cell, keys, clock, checks }: ControlOptions & { readonly checks: FsckRuns },
  token: string,
  request: IncomingMessage,
): Promise<string> {
  if (!isAllowed(token, request)) {
    throw new StoreError('access-denied', 'control', 'the token is wrong');
  }
  const url = new URL(request.url ?? '/', 'http://localhost');
  if (request.method === 'POST' && url.pathname === '/device/replace') {
    const map = cell.coordinator.current();
    const { id } = findDevice(map, url.searchParams.get('device') ?? '', cell.rings.node);
    await cell.replaceDevice(id);
    return `Device ${id} is initialised anew and being rebuilt; torc status tells when redundancy is full.`;
  }
  if (request.method === 'POST' && url.pathname === '/fsck') {
    if (url.searchParams.get('begin') === 'yes') checks.begin();
    return checks.answer();
  }
  if (request.method === 'POST' && url.pathname === '/device/audit') {
    cell.workers.requestAudit();
    return 'Every byte of all devices is being verified; torc status counts what was found.';
  }
  if (request.method === 'POST' && url.pathname === '/redundancy') {
    return countedSince(cell, Number(url.searchParams.get('since')));
  }
  const ofKeys =
    request.method === 'POST'
      ? await answerKeyCall(keys, url.pathname, url.searchParams)
      : undefined;
  if (ofKeys !== undefined) return ofKeys;
  const ofRings =
    request.method === 'POST'
      ? await answerRingCall(cell.rings, url.pathname, url.searchParams)
      : undefined;
  if (ofRings !== undefined) return ofRings;
  const ofShards =
    request.method === 'POST'
      ? await answerShardCall({ cell, clock }, url.pathname, url.searchParams)
      : undefined;
  if (ofShards !== undefined) return ofShards;
  throw new StoreError('invalid-argument', 'control', `there is no call ${url.pathname}`);
}

/** What a walk over all claims that began at `since` or later has found, as JSON; empty while none has ended. */
function countedSince({ workers }: Cell, since: number): string {
  const { report } = workers.reconciler;
  if (report !== undefined && report.startedAt >= since) return JSON.stringify(report);
  if (!workers.reconciler.isWalking) workers.reconciler.request();
  return '';
}

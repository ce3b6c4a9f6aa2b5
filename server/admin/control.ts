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
import type { Logger } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import type { Cell } from '../cell/cell.ts';
import type { OpenKeys } from '../keys/open-keys.ts';
import { answerKeyCall } from '../keys/operator.ts';
import { answerReplicationCall } from '../replication/operator.ts';
import { rebuildShards } from '../work/backup/rebuild.ts';
import { fsck } from '../work/fsck.ts';
import { LongRuns } from '../work/long-runs.ts';
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
  readonly logger: Logger;
}

/** What may take hours. */
interface Checks {
  readonly count: LongRuns<void>;
  readonly rebuild: LongRuns<{ readonly givesUp: boolean }>;
}

function checksOf({ cell, clock, logger }: ControlOptions): Checks {
  const { placement, coordinator, work, group } = cell;
  const sorry = 'It could not be finished: shards moved, or devices went. Begin again.';
  const devices = () => cell.devices().map(({ id, fragments }) => ({ id, store: fragments }));
  return {
    count: new LongRuns(() => fsck({ placement, own: work, all: group, devices }), sorry),
    rebuild: new LongRuns(
      ({ givesUp }) => rebuildShards({ placement, coordinator, group, clock, logger }, givesUp),
      sorry,
    ),
  };
}

/** Resolves with what closes it again and takes the file away. */
export async function openControl(options: ControlOptions): Promise<() => Promise<void>> {
  const { data, random } = options;
  const token = toHex(random.bytes(32));
  const checks = checksOf(options);
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
  { cell, keys, clock, checks }: ControlOptions & { readonly checks: Checks },
  token: string,
  request: IncomingMessage,
): Promise<string> {
  if (!isAllowed(token, request)) {
    throw new StoreError('access-denied', 'control', 'the token is wrong');
  }
  const url = new URL(request.url ?? '/', 'http://localhost');
  const { pathname: path, searchParams: parameters } = url;
  const answered =
    request.method === 'POST'
      ? ((await answerCellCall({ cell, checks }, path, parameters)) ??
        (await answerKeyCall(keys, path, parameters)) ??
        (await answerRingCall(cell.rings, path, parameters)) ??
        (await answerShardCall({ cell, clock }, path, parameters)) ??
        (await answerReplicationCall(cell.rows, path, parameters)))
      : undefined;
  if (answered !== undefined) return answered;
  throw new StoreError('invalid-argument', 'control', `there is no call ${path}`);
}

/** Calls about devices and what they hold; undefined: it is none of them. */
async function answerCellCall(
  { cell, checks }: { readonly cell: Cell; readonly checks: Checks },
  path: string,
  parameters: URLSearchParams,
): Promise<string | undefined> {
  switch (path) {
    case '/device/replace': {
      const map = cell.coordinator.current();
      const { id } = findDevice(map, parameters.get('device') ?? '', cell.rings.node);
      await cell.replaceDevice(id);
      return `Device ${id} is initialised anew and being rebuilt; torc status tells when redundancy is full.`;
    }
    case '/device/audit':
      cell.workers.requestAudit();
      return 'Every byte of all devices is being verified; torc status counts what was found.';
    case '/fsck':
      if (parameters.get('begin') === 'yes') checks.count.begin();
      return checks.count.answer();
    case '/fsck/rebuild':
      if (parameters.get('begin') === 'yes') {
        checks.rebuild.begin({ givesUp: parameters.get('givesUp') === 'yes' });
      }
      return checks.rebuild.answer();
    case '/redundancy':
      return countedSince(cell, Number(parameters.get('since')));
    default:
      return undefined;
  }
}

/** What a walk over all claims that began at `since` or later has found, as JSON; empty while none has ended. */
function countedSince({ workers }: Cell, since: number): string {
  const { report } = workers.reconciler;
  if (report !== undefined && report.startedAt >= since) return JSON.stringify(report);
  if (!workers.reconciler.isWalking) workers.reconciler.request();
  return '';
}

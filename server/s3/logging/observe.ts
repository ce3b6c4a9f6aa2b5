/** Tells the access log of a request, if its bucket has one. */
import type { Principal } from '../../core/api.ts';
import type { ContainerRow } from '../../core/model.ts';
import type { UserDirectory } from '../../core/users.ts';
import type { HttpReply, HttpRequest } from '../../http/exchange.ts';
import type { Address } from '../address.ts';
import type { Route, S3Reply } from '../call.ts';
import { Query } from '../query.ts';
import type { AccessLog } from './access-log.ts';
import { readStoredLogging } from './configuration.ts';
import { deletionLine, logLine } from './line.ts';

export interface Observed {
  readonly request: HttpRequest;
  readonly requestId: string;
  readonly hostId: string;
  readonly row: ContainerRow;
  readonly address: Address;
  readonly route: Route | undefined;
  readonly principal: Principal | undefined;
  readonly isWebsite: boolean;
  readonly neededAcl: boolean;
  readonly reply: S3Reply;
  readonly errorCode: string | undefined;
  readonly startedAt: number;
  readonly turnAroundMillis: number;
}

/** What to do once the reply has gone; undefined where nobody wants to know. */
export function logReply(
  log: AccessLog,
  parts: { readonly users: UserDirectory; readonly region: string },
  seen: Observed,
): HttpReply['done'] {
  const { row, address, reply, principal } = seen;
  const rule = readStoredLogging(row);
  if (rule === undefined) return undefined;
  const { users, region } = parts;
  const ownerId = users.ownerOf(row.account).id;
  const account = principal?.type === 'user' ? principal.account : '';
  return (sent) => {
    const logged = {
      ...seen,
      query: new Query(seen.request.query),
      ownerId,
      bucket: row.name,
      key: address.key,
      requester: account === '' ? undefined : users.ownerOf(account).id,
      status: reply.status,
      errorCode: seen.errorCode ?? headerOf(reply, 'x-amz-error-code'),
      objectSize: objectSizeOf(seen),
      versionId: headerOf(reply, 'x-amz-version-id'),
    };
    const source = { rule, account: row.account, bucket: row.name, ownerId, region };
    log.add(source, logLine(logged, sent), seen.startedAt);
    for (const deletion of reply.deletions ?? []) {
      log.add(source, deletionLine({ ...logged, ...deletion }), seen.startedAt);
    }
  };
}

function headerOf(reply: HttpReply, name: string): string | undefined {
  return reply.headers.find(([one]) => one.toLowerCase() === name)?.[1];
}

function objectSizeOf({ address, request, reply }: Observed): number | undefined {
  if (address.key === '' || reply.status >= 300) return undefined;
  if (request.method === 'PUT') {
    const decoded = request.header('x-amz-decoded-content-length');
    return decoded === undefined ? request.contentLength : Number(decoded);
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') return undefined;
  const whole = /\/(\d+)$/.exec(headerOf(reply, 'content-range') ?? '')?.[1];
  const size = whole ?? headerOf(reply, 'content-length');
  return size === undefined ? undefined : Number(size);
}

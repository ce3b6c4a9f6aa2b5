/** The OpenStack Swift door: one request in, one reply out, never an exception. */
import { toHex } from '../../base/bytes.ts';
import { StoreError, toStoreError } from '../../base/errors.ts';
import { InvariantError } from '../../base/invariant.ts';
import type { Action } from '../core/access/actions.ts';
import type { Principal } from '../core/api.ts';
import type { RequestContext } from '../core/request.ts';
import type { Metadata } from '../core/model.ts';
import type { Door, HttpReply, HttpRequest } from '../http/exchange.ts';
import { answerPreflight, withCors } from './access/cors.ts';
import { factsOf } from './access/facts.ts';
import { anonymous, isAuthPath, signIn, unauthorized } from './auth/tempauth.ts';
import { whoAsks } from './auth/who-asks.ts';
import { bulkDelete } from './bulk/delete.ts';
import type { AccountCall, SwiftDoor, SwiftDoorOptions } from './call.ts';
import { errorReply } from './error-table.ts';
import { extractArchive } from './extract/extract.ts';
import { withQuotedEtag } from './filters/etag-quoter.ts';
import { limitRate } from './filters/limit-rate.ts';
import { checkNames } from './filters/name-check.ts';
import { RateLimiter } from './filters/rate-limit.ts';
import { type Headers, readHeaders } from './headers.ts';
import { accountNameBytes } from './limits.ts';
import { checkNameLength, parsePath, quote, realmOf, type SwiftPath, unquote } from './path.ts';
import { Query } from './query.ts';
import { mapLocation, remapHost } from './remap.ts';
import { Refusal, refuse, statusReply } from './reply.ts';
import { type Route, allowedMethods, operationOf, routes } from './routes.ts';
import type { SwiftSettings } from './settings.ts';
import { answerCrossDomain, crossDomainPath } from './service/crossdomain.ts';
import { answerHealthcheck } from './service/healthcheck.ts';
import { answerInfo } from './service/info.ts';
import { answerForm, formOf } from './tempurl/form-post.ts';
import { invalidTempUrl, openTempUrl, type TempUrl } from './tempurl/open.ts';
import { isVisit, visit, type WebPath } from './web/visit.ts';
import { olderReply, openSync } from './sync/receive.ts';
import { refuseUnsupported } from './unsupported.ts';

export function createSwiftDoor(options: SwiftDoorOptions): Door {
  const { rateLimits } = options.settings;
  const limiter = rateLimits === undefined ? undefined : new RateLimiter(options.clock, rateLimits);
  const door: SwiftDoor = { ...options, limiter };
  return { handle: (request) => handle(door, request) };
}

/** Paths outside accounts that this door answers because the settings say so. */
export function swiftPathsOf({ crossDomainPolicy }: SwiftSettings): readonly string[] {
  return crossDomainPolicy === undefined ? [] : [crossDomainPath];
}

async function handle(door: SwiftDoor, asked: HttpRequest): Promise<HttpReply> {
  const transactionId = newTransactionId(door, asked);
  try {
    const remapped =
      asked.path === '/healthcheck' ? undefined : remapHost(asked, door.settings.remap);
    if (remapped === undefined) return await handlePath(door, asked, transactionId);
    const reply = await handlePath(door, remapped, transactionId);
    return mapLocation(reply, remapped.path, asked.path);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return finish(door, asked, error.reply, transactionId);
  }
}

async function handlePath(
  door: SwiftDoor,
  request: HttpRequest,
  transactionId: string,
): Promise<HttpReply> {
  // Errors need to know who asked: the same refusal is 401 to strangers and 403 to users.
  const caller: Caller = { principal: anonymous, transactionId, operation: undefined };
  let reply: HttpReply;
  try {
    reply = await answer(door, request, caller);
  } catch (error) {
    // A broken invariant is a fault of the program: it must not look like an answer.
    if (error instanceof InvariantError) throw error;
    reply =
      error instanceof Refusal
        ? error.reply
        : replyToError(door, request, caller.principal, toStoreError(error, 'swift.handle'));
  }
  const { operation } = caller;
  const finished = finish(door, request, await forPages(door, request, reply), transactionId);
  return operation === undefined ? finished : { ...finished, operation };
}

interface Caller {
  principal: Principal;
  readonly transactionId: string;
  /** What metrics call the request, from a fixed set; undefined: its method. */
  operation: string | undefined;
}

async function answer(door: SwiftDoor, request: HttpRequest, caller: Caller): Promise<HttpReply> {
  const given = { headers: readHeaders(request), query: new Query(request.query) };
  const { nameCheck, crossDomainPolicy } = door.settings;
  if (nameCheck !== undefined) checkNames(nameCheck, unquote(request.path));
  if (request.path === '/healthcheck') return answerHealthcheck();
  if (request.path === crossDomainPath && crossDomainPolicy !== undefined) {
    return answerCrossDomain(crossDomainPolicy);
  }
  if (request.path === '/info') return answerInfo(door, request, given.query);
  if (isAuthPath(request.path)) return signIn(door, request, given.headers);
  const form = formOf(request, given.headers);
  if (form !== undefined) return answerForm(door, request, form);
  const temporary = await openTempUrl(door, request, given.headers, given.query);
  const { headers, query } = temporary ?? given;
  const synced = await openSync(door, request, headers, (path) => settingsOf(door, path));
  const signed = temporary ?? synced;
  const principal = signed?.principal ?? (await whoAsks(door, headers, request.path));
  caller.principal = principal;
  const path = parsePath(request.path);
  const { method } = request;
  if (method === 'OPTIONS') return answerOptions(door, path, headers);
  await limitRate(door, { path, method, signal: request.signal });
  // The names stand in the body, relative to the account, whatever the path names below it.
  const isBulkDelete = query.has('bulk-delete') && (method === 'POST' || method === 'DELETE');
  const isArchive = query.has('extract-archive') && method === 'PUT';
  const isBulk = isBulkDelete || isArchive;
  const route = routes.find((one) => one.shape === path.shape && one.method === method);
  if (isBulk) caller.operation = isArchive ? 'ExtractArchive' : 'BulkDelete';
  else if (route !== undefined) caller.operation = operationOf(route);
  if (!isBulk && route === undefined) return answerUnknownMethod(path, method, query);
  checkNameLength('Account', path.account, accountNameBytes);
  const asked = { id: caller.transactionId, sourceAddress: request.remoteAddress };
  const facts = factsOf(request, headers, query);
  const madeAt = synced?.madeAt;
  const context = { principal, signal: request.signal, request: asked, facts, madeAt };
  const { account } = path;
  const call: AccountCall = { door, request, headers, query, principal, context, account };
  if (path.shape !== 'account' && isVisit(method, principal, headers)) {
    return answerVisitor(call, path, { temporary, query: given.query });
  }
  if (route === undefined || isBulk) {
    // Each name is asked about by itself; whoever shows no credentials need not send them.
    if (principal.type !== 'user') return unauthorized(realmOf(request.path));
    return isArchive ? extractArchive(call, path) : bulkDelete(call);
  }
  const admitted = { ...call, context: await admit(call, path, route) };
  refuseUnsupported(path.shape, method, headers);
  const reply = await run(path, route, admitted);
  return temporary?.dress(reply) ?? reply;
}

/** What CORS adds to the reply, good or bad, to a page of another origin. */
async function forPages(
  door: SwiftDoorOptions,
  request: HttpRequest,
  reply: HttpReply,
): Promise<HttpReply> {
  const origin = request.header('origin');
  if (origin === undefined || request.method === 'OPTIONS') return reply;
  try {
    const settings = await settingsOf(door, parsePath(request.path));
    return withCors(reply, origin, settings);
  } catch (error) {
    if (error instanceof InvariantError) throw error;
    // The operation is done: a page that may not read its reply is better than another reply.
    return reply;
  }
}

/** The reply that a path has by itself, errors too. */
async function answerPath(call: AccountCall, path: SwiftPath): Promise<HttpReply> {
  const { door, request, principal } = call;
  try {
    const { method } = request;
    const route = routes.find((one) => one.shape === path.shape && one.method === method);
    if (route === undefined) return statusReply(405);
    const admitted = { ...call, context: await admit(call, path, route) };
    refuseUnsupported(path.shape, method, call.headers);
    return await run(path, route, admitted);
  } catch (error) {
    if (error instanceof InvariantError) throw error;
    if (error instanceof Refusal) return error.reply;
    return replyToError(door, request, principal, toStoreError(error, 'swift.answer'));
  }
}

/** A container as a website; by a TempURL for a whole container nothing else. */
async function answerVisitor(
  call: AccountCall,
  path: WebPath,
  opened: { readonly temporary: TempUrl | undefined; readonly query: Query },
): Promise<HttpReply> {
  const { temporary, query } = opened;
  const { door, request, principal } = call;
  const { reply, isPage } = await visit({
    call,
    path,
    signed: temporary === undefined ? undefined : query,
    answer: answerPath,
    errorReply: (error) => replyToError(door, request, principal, error),
  });
  if (temporary === undefined) return reply;
  if (path.shape === 'container' && !isPage && reply.status < 300) {
    throw invalidTempUrl(request.path);
  }
  return temporary.dress(reply, isPage);
}

/** Before the body is read, and before the caller learns what is there. */
function admit(call: AccountCall, path: SwiftPath, route: Route): Promise<RequestContext> {
  const { account } = path;
  const container = path.shape === 'account' ? '' : path.container;
  const key = path.shape === 'object' ? path.key : undefined;
  const address = { account, container, key };
  const ofVersion = versionActions.get(route.action);
  const isOfVersion = ofVersion !== undefined && (call.query.text('version-id') ?? '') !== '';
  const action = isOfVersion ? ofVersion : route.action;
  return call.door.core.authorise(call.context, { address, actions: [action] });
}

/** What an action is when `version-id` names a version: old ones are their account's own affair. */
const versionActions: ReadonlyMap<Action, Action> = new Map([
  ['object.read', 'object.read-version'],
  ['object.delete', 'object.delete-version'],
]);

async function run(path: SwiftPath, route: Route, call: AccountCall): Promise<HttpReply> {
  const reply = await runRoute(path, route, call);
  if (path.shape !== 'object') return reply;
  const { permit } = call.context;
  return withQuotedEtag(call.door, reply, {
    account: path.account,
    container: permit?.found?.row.settings,
  });
}

function runRoute(path: SwiftPath, route: Route, call: AccountCall): Promise<HttpReply> {
  if (route.shape === 'account') return route.run(call);
  if (route.shape === 'container' && path.shape === 'container') {
    return route.run({ ...call, container: path.container });
  }
  if (route.shape === 'object' && path.shape === 'object') {
    return route.run({ ...call, container: path.container, key: path.key });
  }
  throw refuse(405);
}

/** OPTIONS needs no permission. Without an Origin it only tells the methods; accounts have no CORS. */
async function answerOptions(
  door: SwiftDoorOptions,
  path: SwiftPath,
  headers: Headers,
): Promise<HttpReply> {
  const methods = allowedMethods(path.shape);
  if (path.shape === 'account' || !headers.has('origin')) {
    return statusReply(200, [['Allow', methods]]);
  }
  return answerPreflight(headers, methods, await settingsOf(door, path));
}

/** Of the container that a path names, whatever the caller may do with it; undefined: there is none. */
async function settingsOf(door: SwiftDoorOptions, path: SwiftPath): Promise<Metadata | undefined> {
  if (path.shape === 'account') return undefined;
  const { account, container } = path;
  const ctx = { principal: anonymous };
  const { permit } = await door.core.authorise(ctx, {
    address: { account, container },
    actions: [],
  });
  return permit.found?.row.settings;
}

function answerUnknownMethod(path: SwiftPath, method: string, query: Query): HttpReply {
  // A mistyped parameter must not turn what was meant for a feature into the deletion of an account.
  if (path.shape === 'account' && method === 'DELETE' && !query.isEmpty) return statusReply(400);
  return statusReply(405, [['Allow', allowedMethods(path.shape)]]);
}

function replyToError(
  door: SwiftDoorOptions,
  request: HttpRequest,
  principal: Principal,
  error: StoreError,
): HttpReply {
  const denied = error.kind === 'access-denied' && principal.type === 'anonymous';
  if (denied || error.kind === 'unauthenticated') return unauthorized(realmOf(request.path));
  const older = olderReply(error, request.method);
  if (older !== undefined) return older;
  const reply = errorReply(error);
  if (reply.status >= 500 && reply.status !== 501) logFailure(door, request, error);
  return reply;
}

function logFailure(door: SwiftDoorOptions, request: HttpRequest, error: StoreError): void {
  const fields = {
    event: 'swift.failed',
    method: request.method,
    kind: error.kind,
    op: error.op,
    detail: error.detail,
    cause: error.cause instanceof Error ? error.cause.stack : undefined,
  };
  // Only what nobody foresaw is an error of the program; the rest is the state of the cluster.
  if (error.kind === 'internal') door.logger.error(fields, error.message);
  else door.logger.warn(fields, error.message);
}

/** `tx` + 21 random hex digits + `-` + the time, as Swift's: operators grep for it. */
function newTransactionId(door: SwiftDoorOptions, request: HttpRequest): string {
  const random = toHex(door.random.bytes(11)).slice(0, 21);
  const time = Math.floor(door.clock.now() / 1000)
    .toString(16)
    .padStart(10, '0');
  const extra = request.header('x-trans-id-extra')?.slice(0, 32) ?? '';
  return `tx${random}-${time}${extra === '' ? '' : quote(`-${extra}`)}`;
}

function finish(
  door: SwiftDoorOptions,
  request: HttpRequest,
  reply: HttpReply,
  transactionId: string,
): HttpReply {
  const headers: (readonly [string, string])[] = [
    ...reply.headers,
    ['X-Trans-Id', transactionId],
    ['X-Openstack-Request-Id', transactionId],
  ];
  const { body, status } = reply;
  // Clients that got their token from Keystone are told where to get another one.
  if (status === 401 && door.identity !== undefined) {
    headers.push(['Www-Authenticate', door.identity.challenge]);
  }
  const bodiless = request.method === 'HEAD' || status === 204 || status === 304;
  if (body === undefined) return { status, headers };
  if (!bodiless) return { status, headers, body };
  // HEAD tells the length that GET would have.
  if (request.method === 'HEAD' && body instanceof Uint8Array && status !== 204) {
    headers.push(['Content-Length', String(body.length)]);
  }
  return { status, headers };
}

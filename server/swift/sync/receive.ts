/**
 * Requests of another cluster that keeps a container in step with one of ours
 * (swift/common/middleware/container_sync.py). They are signed with the realm's and the container's
 * key, or bring the container's key itself; and they say when their change was made.
 */
import { timingSafeEqual } from 'node:crypto';
import { isStoreError } from '../../../base/errors.ts';
import { micros, type Micros } from '../../../base/units.ts';
import type { Action } from '../../core/access/actions.ts';
import type { Principal } from '../../core/api.ts';
import type { Metadata } from '../../core/model.ts';
import type { HttpReply, HttpRequest } from '../../http/exchange.ts';
import { wireOf } from '../../http/header-text.ts';
import type { SwiftDoorOptions } from '../call.ts';
import type { Headers } from '../headers.ts';
import { parsePath, realmOf, type SwiftPath } from '../path.ts';
import { Refusal, refuse, statusReply, textReply } from '../reply.ts';
import { signatureOf } from './realms.ts';
import { syncKeyOf } from './settings.ts';

export interface SyncRequest {
  readonly principal: Principal;
  readonly madeAt: Micros | undefined;
}

type ObjectPath = Extract<SwiftPath, { readonly shape: 'object' }>;

/** undefined: the request is none. Throws Refusal 401 for a signature that is not good. */
export async function openSync(
  door: SwiftDoorOptions,
  request: HttpRequest,
  headers: Headers,
  settingsOf: (path: ObjectPath) => Promise<Metadata | undefined>,
): Promise<SyncRequest | undefined> {
  const auth = headers.get('x-container-sync-auth');
  const plainKey = headers.get('x-container-sync-key');
  if (auth === undefined && plainKey === undefined) return undefined;
  if (auth === undefined && !headers.has('x-timestamp')) return undefined;
  const path = parsePath(request.path);
  if (path.shape !== 'object') {
    if (auth === undefined) return undefined;
    throw invalid(request.path);
  }
  const key = syncKeyOf((await settingsOf(path)) ?? {});
  if (auth === undefined) {
    const isGood = key !== undefined && isSame(plainKey ?? '', wireOf(key));
    return isGood ? opened(request.method, path, headers) : undefined;
  }
  if (key === undefined || !isSigned(door, { request, auth, headers, key })) {
    throw invalid(request.path);
  }
  return opened(request.method, path, headers);
}

function isSigned(
  door: SwiftDoorOptions,
  asked: {
    readonly request: HttpRequest;
    readonly auth: string;
    readonly headers: Headers;
    readonly key: string;
  },
): boolean {
  const { request, auth, headers, key } = asked;
  const [realmName = '', nonce = '', signature = '', ...rest] = auth.trim().split(/\s+/);
  if (rest.length > 0) return false;
  const realm = door.settings.sync.realms.find((one) => one.name === realmName.toUpperCase());
  if (realm === undefined) return false;
  const { method, path } = request;
  const timestamp = headers.get('x-timestamp') ?? '0';
  const signed = { method, path, timestamp, nonce, containerKey: key };
  const keys = realm.key2 === undefined ? [realm.key] : [realm.key, realm.key2];
  return keys.some((one) => isSame(signature, signatureOf(one, signed)));
}

function isSame(a: string, b: string): boolean {
  const given = Buffer.from(a, 'latin1');
  const wanted = Buffer.from(b, 'latin1');
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

function invalid(path: string): Refusal {
  const text = 'X-Container-Sync-Auth header not valid; contact cluster operator for support.';
  const challenge = `SwiftContainerSync realm="${realmOf(path)}"`;
  return new Refusal(textReply(401, text, [['Www-Authenticate', challenge]]));
}

const allowed: Readonly<Record<string, readonly Action[]>> = {
  GET: ['object.read'],
  HEAD: ['object.read'],
  PUT: ['object.write'],
  DELETE: ['object.delete'],
};

function opened(method: string, path: ObjectPath, headers: Headers): SyncRequest {
  // No cluster asks for a copy, and the look at parts below must not read what is elsewhere.
  if (headers.has('x-copy-from')) throw refuse(400, 'X-Copy-From does not go with container sync');
  const { account, container, key } = path;
  const own = { account, container, key, actions: new Set(allowed[method]) };
  // Parts of a large object and targets of links are looked at, not shown.
  const looks = { account, actions: new Set<Action>(['object.read']) };
  return {
    principal: {
      ...{ type: 'temporary', account, user: '', role: 'member' },
      permits: method === 'PUT' ? [own, looks] : [own],
    },
    madeAt: method === 'PUT' || method === 'DELETE' ? parseStamp(headers) : undefined,
  };
}

/** Seconds with decimals, and Swift's own offset behind them. Throws Refusal 400. */
function parseStamp(headers: Headers): Micros {
  const match = /^(\d{1,10})(?:\.(\d{1,9}))?(?:_[0-9a-f]{1,16})?$/.exec(
    headers.get('x-timestamp') ?? '',
  );
  if (match === null) throw refuse(400, 'Invalid X-Timestamp header');
  const [, seconds = '0', decimals = ''] = match;
  return micros(Number(seconds) * 1_000_000 + Number(decimals.slice(0, 5).padEnd(5, '0')) * 10);
}

/** What Swift answers where something newer is there: a PUT is accepted and changes nothing. */
export function olderReply(error: unknown, method: string): HttpReply | undefined {
  if (!isStoreError(error, 'precondition-failed')) return undefined;
  if (error.detail['condition'] !== 'made-before') return undefined;
  return statusReply(method === 'PUT' ? 202 : 409);
}

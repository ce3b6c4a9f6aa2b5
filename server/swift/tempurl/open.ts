/**
 * TempURLs: `temp_url_sig` and `temp_url_expires` let whoever has the address do one thing to one
 * object, or to those below a prefix (swift/common/middleware/tempurl.py). What is not right about
 * one is 401 and no more.
 */
import { isInRange, parseAddress, parseRange } from '../../core/access/address-range.ts';
import type { SigningKey } from '../../core/access/signing-keys.ts';
import type { Action } from '../../core/access/actions.ts';
import type { Principal } from '../../core/api.ts';
import { daysFromCivil } from '../../../base/calendar/civil-date.ts';
import type { HttpReply, HttpRequest } from '../../http/exchange.ts';
import { titleCase } from '../../http/header-text.ts';
import type { SwiftDoorOptions } from '../call.ts';
import type { Headers } from '../headers.ts';
import { parsePath, realmOf } from '../path.ts';
import { Query } from '../query.ts';
import { Refusal, refuse, textReply } from '../reply.ts';
import { dressReply, type Dressing } from './reply.ts';
import { isRemoved } from './settings.ts';
import { findSigner, parseSignature } from './signature.ts';

export interface TempUrl {
  readonly principal: Principal;
  /** Without those that a TempURL does not carry. */
  readonly headers: Headers;
  /** Only its own parameters: no other one may change what was signed. */
  readonly query: Query;
  /** `isPage`: it is of a website, and no object. */
  readonly dress: (reply: HttpReply, isPage?: boolean) => HttpReply;
}

/** An object; or a container, whose key is '': its website. */
interface SignedPath {
  readonly account: string;
  readonly container: string;
  readonly key: string;
}

/** undefined: the request is none. Throws Refusal 401; 400 for a header that would reach beyond what was signed. */
export async function openTempUrl(
  door: SwiftDoorOptions,
  request: HttpRequest,
  headers: Headers,
  query: Query,
): Promise<TempUrl | undefined> {
  const { method } = request;
  const { tempUrl } = door.settings;
  if (!query.has('temp_url_sig') && !query.has('temp_url_expires')) return undefined;
  if (method === 'OPTIONS') return undefined;
  const invalid = (): Refusal => invalidTempUrl(request.path);
  const signature = parseSignature(query.first('temp_url_sig') ?? '');
  const expires = parseExpiry(query.first('temp_url_expires') ?? '', door.clock.now());
  if (signature === undefined || expires === undefined) throw invalid();
  if (!tempUrl.digests.includes(signature.digest)) throw invalid();
  const path = signedPath(method, request.path);
  if (!tempUrl.methods.includes(method) || path === undefined) throw invalid();
  const prefix = query.first('temp_url_prefix');
  if (prefix === undefined ? path.key === '' : !path.key.startsWith(prefix)) throw invalid();
  const range = query.first('temp_url_ip_range') ?? '';
  if (!isFromRange(request.remoteAddress, range)) throw invalid();
  const place = { account: path.account, container: path.container };
  const keys = await door.core.signingKeys(place);
  const messages = messagesOf(method, { path, prefix, range, expires });
  const signer = findSigner(signature, messages, keys);
  if (signer === undefined) throw invalid();
  refusePointers(method, headers);
  const dressing = dressingOf(query, path, expires);
  return {
    principal: principalOf(method, path, signer),
    headers: cleaned(headers, tempUrl),
    query: new Query(''),
    dress: (reply, isPage = false) =>
      dressReply(
        reply,
        { ...dressing, isInline: dressing.isInline || isPage },
        { method, tempUrl },
      ),
  };
}

/** Swift's words; the body goes to all methods but HEAD. */
export function invalidTempUrl(rawPath: string): Refusal {
  const challenge: [string, string] = ['Www-Authenticate', `Swift realm="${realmOf(rawPath)}"`];
  return new Refusal(textReply(401, '401 Unauthorized: Temp URL invalid\n', [challenge]));
}

/** Seconds since 1970, a whole number or `YYYY-MM-DDThh:mm:ssZ`; undefined: neither, or past. */
export function parseExpiry(text: string, nowMillis: number): number | undefined {
  const seconds = /^\s*[+-]?\d+\s*$/.test(text) ? Number(text) : parseIso(text);
  return seconds === undefined || seconds < nowMillis / 1000 || seconds <= 0 ? undefined : seconds;
}

function parseIso(text: string): number | undefined {
  const match = /^(\d{4})-(\d\d?)-(\d\d?)T(\d\d?):(\d\d?):(\d\d?)Z$/.exec(text);
  if (match === null) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1)
    .map(Number);
  if (month < 1 || month > 12 || day < 1 || day > 31) return undefined;
  if (hour > 23 || minute > 59 || second > 61) return undefined;
  return daysFromCivil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
}

/** An object by the version that signatures name, or a container that is read. */
function signedPath(method: string, rawPath: string): SignedPath | undefined {
  const path = parsePath(rawPath);
  if (!rawPath.startsWith('/v1/')) return undefined;
  if (path.shape === 'object') return /[^/]/.test(path.key) ? path : undefined;
  const isRead = method === 'GET' || method === 'HEAD';
  return path.shape === 'container' && isRead ? { ...path, key: '' } : undefined;
}

/** A network whose address has bits beyond its prefix is none, as Python has it. */
function isFromRange(client: string, text: string): boolean {
  if (text === '') return true;
  const range = parseRange(text);
  const address = parseAddress(client);
  if (range === undefined || address === undefined) return false;
  const rest = (1n << BigInt(range.bits - range.prefix)) - 1n;
  return (range.address & rest) === 0n && isInRange(address, range);
}

/** What may have been signed: a HEAD is allowed by every signature that reads or writes the object. */
function messagesOf(
  method: string,
  signed: {
    readonly path: SignedPath;
    readonly prefix: string | undefined;
    readonly range: string;
    readonly expires: number;
  },
): readonly string[] {
  const { path, prefix, range, expires } = signed;
  const place = `/v1/${path.account}/${path.container}/${prefix ?? path.key}`;
  const what = prefix === undefined ? place : `prefix:${place}`;
  const from = range === '' ? '' : `ip=${range}\n`;
  const methods = method === 'HEAD' ? ['HEAD', 'GET', 'POST', 'PUT'] : [method];
  return methods.map((one) => `${from}${one}\n${expires}\n${what}`);
}

/** A pointer to other data would give whoever may read the object later more than was signed. */
function refusePointers(method: string, headers: Headers): void {
  if (method === 'GET' || method === 'HEAD') return;
  for (const name of ['x-object-manifest', 'x-symlink-target']) {
    if (!headers.has(name)) continue;
    throw refuse(400, `The header '${titleCase(name)}' is not allowed in this tempurl`);
  }
}

function cleaned(
  headers: Headers,
  { incomingRemove, incomingAllow }: SwiftDoorOptions['settings']['tempUrl'],
): Headers {
  return new Map([...headers].filter(([name]) => !isRemoved(name, incomingRemove, incomingAllow)));
}

const readings: readonly Action[] = ['object.read', 'container.list'];
const actions: Readonly<Record<string, readonly Action[]>> = {
  GET: readings,
  HEAD: readings,
  // The source of a copy is read with the same right.
  PUT: ['object.write', ...readings],
  POST: ['object.write', ...readings],
  DELETE: ['object.delete'],
};

/** What belongs to the object, segments and targets of links, is reached as far as the key speaks: in the account, or in the container. */
function principalOf(method: string, path: SignedPath, signer: SigningKey): Principal {
  const { account, container } = path;
  const scope = signer.scope === 'account' ? { account } : { account, container };
  return {
    ...{ type: 'temporary', account, user: '', role: 'member' },
    permits: [{ ...scope, actions: new Set(actions[method]) }],
  };
}

function dressingOf(query: Query, path: SignedPath, expires: number): Dressing {
  return {
    filename: query.first('filename') ?? '',
    isInline: query.has('inline'),
    name: path.key.replace(/\/+$/, '').replace(/^.*\//s, ''),
    expires,
  };
}

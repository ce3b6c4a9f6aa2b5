/** TempAuth v1 (swift/common/middleware/tempauth.py): sign in with a user and key, get a token and the account's URL. */
import type { Principal } from '../../core/api.ts';
import { accountTextOf, principalOf, type UserEntry } from '../../core/users.ts';
import { type HttpReply, type HttpRequest, headerText } from '../../http/exchange.ts';
import type { SwiftDoorOptions } from '../call.ts';
import type { Headers } from '../headers.ts';
import { tokenLifeSeconds } from '../limits.ts';
import { nameText, quote, realmOf, splitPath, unquote } from '../path.ts';
import { Refusal, refuse, statusReply } from '../reply.ts';
import { openToken, sameKey, signToken } from './token.ts';

const authPrefix = '/auth';

export function isAuthPath(path: string): boolean {
  return path.startsWith(`${authPrefix}/`);
}

export const anonymous: Principal = { type: 'anonymous', account: '', user: '', role: 'member' };

/** 401 with the realm that the request's path names. */
export function unauthorized(realm: string): HttpReply {
  return statusReply(401, [['Www-Authenticate', `Swift realm="${realm}"`]]);
}

/** Who shows tokens of ours. One that is forged, expired or of a user that is gone is refused with 401; as a service's beside it, it counts for nothing. */
export function principalOfTokens(
  door: SwiftDoorOptions,
  token: string,
  serviceToken: string | undefined,
  path: string,
): Principal {
  const entry = userOfToken(door, token);
  if (entry === undefined) throw new Refusal(unauthorized(realmOf(path)));
  const service = serviceToken === undefined ? undefined : userOfToken(door, serviceToken);
  return service === undefined ? principalOf(entry) : withService(entry, service);
}

function userOfToken(door: SwiftDoorOptions, token: string): UserEntry | undefined {
  const content = openToken(door.tokenSecret, token, (login) => userOf(door, login)?.swift?.key);
  if (content === undefined || content.expiresAt <= nowSeconds(door)) return undefined;
  return userOf(door, content.login);
}

/** Accounts that take a service beside a user: data that users own and cannot touch behind the service's back. */
const SERVICE_PREFIX = 'SERVICE_';
/** The group that makes a user a service. */
const SERVICE_GROUP = 'service';

/** A user with a service's token beside its own: has the service's groups too, and the service account of its own. */
function withService(entry: UserEntry, service: UserEntry): Principal {
  const principal = principalOf(entry);
  const names = [...(principal.names ?? []), ...(principalOf(service).names ?? [])];
  const isService = service.groups?.includes(SERVICE_GROUP) === true;
  if (!isService || principal.role !== 'owner') return { ...principal, names };
  return { ...principal, names, owns: [SERVICE_PREFIX + accountTextOf(entry.account)] };
}

/** `GET /auth/v1.0`, `/auth/auth` and `/auth/v1/{account}/auth`. */
export function signIn(door: SwiftDoorOptions, request: HttpRequest, headers: Headers): HttpReply {
  if (request.method !== 'GET') return statusReply(405, [['Allow', 'GET']]);
  const path = nameText(unquote(request.path)).slice(authPrefix.length);
  const segments = splitPath(path, 1, 3);
  if (segments === undefined) throw refuse(404);
  const claim = readClaim(segments, headers);
  const entry = verifiedUser(door, claim);
  if (entry === undefined) return unauthorized(claim.realm);
  const expiresAt = nowSeconds(door) + tokenLifeSeconds;
  const nonce = door.random.bytes(8);
  const key = entry.swift?.key ?? '';
  const login = entry.swift?.login ?? '';
  const token = signToken(door.tokenSecret, { login, expiresAt }, nonce, key);
  return statusReply(200, [
    ['X-Storage-Url', storageUrl(request, entry.account)],
    ['X-Auth-Token', token],
    ['X-Storage-Token', token],
    ['X-Auth-Token-Expires', String(tokenLifeSeconds)],
  ]);
}

interface Claim {
  /** `account:user`; undefined when the request names none. */
  readonly login: string | undefined;
  readonly key: string | undefined;
  readonly realm: string;
}

/** The two families of header names; the old path form prefers the storage ones. */
function readClaim(segments: readonly string[], headers: Headers): Claim {
  const [version, account = '', last] = segments;
  if (version === 'v1' && last === 'auth') {
    const realm = quote(account);
    const key = headers.get('x-storage-pass') || headers.get('x-auth-key');
    const user = headers.get('x-storage-user');
    if (user !== undefined && user !== '') return { login: `${account}:${user}`, key, realm };
    const login = headers.get('x-auth-user');
    // The account stands in the path and in the user name: they must agree.
    return { login: login?.startsWith(`${account}:`) === true ? login : undefined, key, realm };
  }
  if (version !== 'auth' && version !== 'v1.0') throw refuse(400);
  const login = headers.get('x-auth-user') || headers.get('x-storage-user');
  const key = headers.get('x-auth-key') || headers.get('x-storage-pass');
  const realm = login?.includes(':') === true ? login.slice(0, login.indexOf(':')) : '';
  return { login, key, realm: realm === '' ? 'unknown' : quote(headerText(realm) ?? 'unknown') };
}

function verifiedUser(door: SwiftDoorOptions, claim: Claim): UserEntry | undefined {
  const { login, key } = claim;
  if (login === undefined || key === undefined || key === '' || !/^[^:]+:./.test(login)) {
    return undefined;
  }
  const text = headerText(login);
  const entry = text === undefined ? undefined : userOf(door, text);
  // An unknown user costs the same comparison as a known one, so that time does not tell them apart.
  const stored = entry?.swift?.key ?? '';
  const same = sameKey(door.tokenSecret, headerText(key) ?? '', stored);
  return same && stored !== '' ? entry : undefined;
}

function userOf(door: SwiftDoorOptions, login: string): UserEntry | undefined {
  const entry = door.users.byLogin(login);
  return entry?.swift === undefined ? undefined : entry;
}

/** The URL by which the client reached us, so that it works through whatever stands in between. */
function storageUrl(request: HttpRequest, account: string): string {
  const scheme = request.secure ? 'https' : 'http';
  const host = request.header('host') ?? '';
  if (!/^[A-Za-z0-9._~-]+(?::\d{1,5})?$|^\[[0-9A-Fa-f:.]+\](?::\d{1,5})?$/.test(host)) {
    throw refuse(400, 'A storage URL needs a valid Host header');
  }
  const shown = host.replace(request.secure ? /:443$/ : /:80$/, '');
  return `${scheme}://${shown}/v1/${quote(account)}`;
}

function nowSeconds(door: SwiftDoorOptions): number {
  return Math.floor(door.clock.now() / 1000);
}

/**
 * `container.AUTH-account.domain/object` for `/v1/AUTH_account/container/object`, by the Host header alone
 * (swift/common/middleware/domain_remap.py). Host names know no capital letters and no underscore.
 */
import type { HttpReply, HttpRequest } from '../http/exchange.ts';
import { refuse } from './reply.ts';

export interface RemapSettings {
  /** Domains, lower case; none: no host means an account. */
  readonly storageDomains: readonly string[];
  /** What accounts begin with, before their `_`. */
  readonly accountPrefixes: readonly string[];
}

/** The request as if it had named account and container in its path; undefined: its host means neither. Throws Refusal 400. */
export function remapHost(
  request: HttpRequest,
  { storageDomains, accountPrefixes }: RemapSettings,
): HttpRequest | undefined {
  if (storageDomains.length === 0) return undefined;
  const host = (request.header('host') ?? '').replace(/:\d*$/, '');
  const domain = storageDomains.find((one) => host.toLowerCase().endsWith(`.${one}`));
  if (domain === undefined) return undefined;
  const names = host.slice(0, host.length - domain.length - 1).split('.');
  if (names.length > 2) throw refuse(400, 'Bad domain in host header');
  const [container, name = ''] = names.length === 2 ? names : [undefined, names[0]];
  const account = accountOf(name, accountPrefixes);
  if (account === undefined) return undefined;
  const place = [account, ...(container === undefined ? [] : [container])].map(quoteBytes);
  return withPath(request, `/v1/${place.join('/')}${request.path}`);
}

/** A header's bytes, which may be UTF-8 or anything, as a path has them. */
function quoteBytes(bytes: string): string {
  return bytes.replace(
    /[^\w.~-]/g,
    (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}

function accountOf(name: string, prefixes: readonly string[]): string | undefined {
  const text = name.includes('_') ? name : name.replace('-', '_');
  const underscore = text.indexOf('_');
  if (underscore < 0) return undefined;
  const given = text.slice(0, underscore).toLowerCase();
  const prefix = prefixes.find((one) => one.toLowerCase() === given);
  return prefix === undefined ? undefined : prefix + text.slice(underscore);
}

function withPath(request: HttpRequest, path: string): HttpRequest {
  return {
    method: request.method,
    path,
    query: request.query,
    header: (name) => request.header(name),
    rawHeaders: request.rawHeaders,
    secure: request.secure,
    tlsVersion: request.tlsVersion,
    tlsCipher: request.tlsCipher,
    remoteAddress: request.remoteAddress,
    signal: request.signal,
    contentLength: request.contentLength,
    isChunked: request.isChunked,
    body: () => request.body(),
  };
}

/** A redirect leads back to the address that the client knows. */
export function mapLocation(reply: HttpReply, remapped: string, asked: string): HttpReply {
  const headers = reply.headers.map(([name, value]): readonly [string, string] => {
    const at = name === 'Location' ? value.indexOf(remapped) : -1;
    return at < 0 || !/^(?:https?:\/\/[^/]+)?$/.test(value.slice(0, at))
      ? [name, value]
      : [name, value.slice(0, at) + asked + value.slice(at + remapped.length)];
  });
  return { ...reply, headers };
}

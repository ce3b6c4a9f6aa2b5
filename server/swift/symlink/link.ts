/** Symlinks (swift/common/middleware/symlink.py): the headers that make one, and those that show one. */
import type { LinkTarget } from '../../core/api.ts';
import type { Link } from '../../core/link.ts';
import type { VersionRow } from '../../core/model.ts';
import { textOf, wireOf } from '../../http/header-text.ts';
import type { AccountCall, ObjectCall } from '../call.ts';
import { nameText, quote, splitPath, unquote } from '../path.ts';
import { refuse } from '../reply.ts';

export function isSymlinkPut(call: ObjectCall): boolean {
  return call.headers.has('x-symlink-target');
}

/** What a PUT with X-Symlink-Target names. Throws Refusal 412 and 400. */
export function readLink(call: ObjectCall): Link {
  const { headers } = call;
  const path = nameText(unquote(headers.get('x-symlink-target') ?? ''));
  const [container, key] = (path.startsWith('/') ? undefined : splitPath(`/${path}`, 2, 2)) ?? [];
  if (container === undefined || key === undefined) {
    throw refuse(412, 'X-Symlink-Target header must be of the form <container name>/<object name>');
  }
  const account = readAccount(call);
  const target = { account: account ?? call.account, container, key };
  if (isSame(target, call)) throw refuse(400, 'Symlink cannot target itself');
  const etag = (headers.get('x-symlink-target-etag') ?? '').replace(/^"(.*)"$/, '$1');
  if (/[;"\\]/.test(etag)) throw refuse(400, 'Bad X-Symlink-Target-Etag format');
  return {
    ...(account === undefined ? {} : { account }),
    ...{ container, key },
    ...(etag === '' ? {} : { etag: textOf(etag) }),
  };
}

function readAccount(call: ObjectCall): string | undefined {
  const value = call.headers.get('x-symlink-target-account');
  if (value === undefined) return undefined;
  const account = nameText(unquote(value));
  if (account === '') throw refuse(412, 'Account name cannot be empty');
  if (account.includes('/')) throw refuse(412, 'Account name cannot contain slashes');
  return account;
}

function isSame(a: LinkTarget, b: LinkTarget): boolean {
  return a.account === b.account && a.container === b.container && a.key === b.key;
}

/** In whose account the copy of a link shall look; undefined: as the link says. Throws Refusal 400 where nothing is a link. */
export function readLinkAccount(call: ObjectCall): string | undefined {
  const account = readAccount(call);
  if (account === undefined || wantsLink(call)) return account;
  throw refuse(400, 'X-Symlink-Target-Account needs a symlink');
}

/** For `?symlink=get`, and nothing where the object is no link. */
export function linkHeaders({ link }: VersionRow): [string, string][] {
  if (link === undefined) return [];
  const headers: [string, string][] = [
    ['X-Symlink-Target', quote(`${link.container}/${link.key}`)],
  ];
  if (link.account !== undefined) headers.push(['X-Symlink-Target-Account', quote(link.account)]);
  if (link.etag !== undefined) headers.push(['X-Symlink-Target-Etag', wireOf(link.etag)]);
  if (link.bytes !== undefined) headers.push(['X-Symlink-Target-Bytes', String(link.bytes)]);
  return headers;
}

/** What JSON listings show of a link. */
export function linkEntry(
  call: AccountCall,
  link: Link,
): Readonly<Record<string, string | number>> {
  return {
    symlink_path: linkPath(call, link),
    ...(link.etag === undefined ? {} : { symlink_etag: link.etag }),
    ...(link.bytes === undefined ? {} : { symlink_bytes: link.bytes }),
    ...(link.whole === undefined ? {} : { slo_etag: `"${link.whole}"` }),
  };
}

export function linkPath(call: AccountCall, link: Link): string {
  const { account = call.account, container, key } = link;
  return quote(`/v1/${account}/${container}/${key}`);
}

export function wantsLink(call: ObjectCall): boolean {
  return call.query.text('symlink') === 'get';
}

/**
 * Containers as websites (swift/common/middleware/staticweb.py): for visitors without credentials,
 * by a TempURL, or who ask for it (`X-Web-Mode`). Whatever a visit reads, it reads with the visitor's own
 * rights.
 */
import type { StoreError } from '../../../base/errors.ts';
import { isStoreError, toStoreError } from '../../../base/errors.ts';
import type { Principal } from '../../core/api.ts';
import type { VersionRow } from '../../core/model.ts';
import type { PageItem, PageQuery } from '../../core/ports.ts';
import type { HttpReply } from '../../http/exchange.ts';
import type { AccountCall } from '../call.ts';
import { type Headers, isTrue } from '../headers.ts';
import { listingLimit } from '../limits.ts';
import { collectListing } from '../listing/collect.ts';
import { quote, type SwiftPath } from '../path.ts';
import type { Query } from '../query.ts';
import { statusReply } from '../reply.ts';
import { directoryPage, unlistedPage } from './page.ts';
import { isListed, isSite, type Site, siteOf } from './site.ts';

export type WebPath = Exclude<SwiftPath, { readonly shape: 'account' }>;

/** What the door lends to a visit. */
export interface Visit {
  /** Not admitted anywhere yet. */
  readonly call: AccountCall;
  readonly path: WebPath;
  /** The parameters as sent, where a TempURL opened the way. */
  readonly signed: Query | undefined;
  /** The reply that this path has without a website; errors too. */
  readonly answer: (call: AccountCall, path: SwiftPath) => Promise<HttpReply>;
  readonly errorReply: (error: StoreError) => HttpReply;
}

export interface Visited {
  readonly reply: HttpReply;
  /** Made here, and no object's or container's own. */
  readonly isPage: boolean;
}

export function isVisit(method: string, principal: Principal, headers: Headers): boolean {
  if (method !== 'GET' && method !== 'HEAD') return false;
  return principal.type !== 'user' || isTrue(headers.get('x-web-mode'));
}

export async function visit(visiting: Visit): Promise<Visited> {
  const { path, call } = visiting;
  const { account, container } = path;
  // What stands in a container for everybody's use tells nothing to whom it lets in nowhere.
  const address = { address: { account, container }, actions: [] };
  const { permit } = await call.door.core.authorise(call.context, address);
  const site = siteOf(permit.found?.row);
  return path.shape === 'object'
    ? visitObject(visiting, site, path.key)
    : visitContainer(visiting, site);
}

const plain = (reply: HttpReply): Visited => ({ reply, isPage: false });
const made = (reply: HttpReply): Visited => ({ reply, isPage: true });

async function visitContainer(visiting: Visit, site: Site): Promise<Visited> {
  const { call, path } = visiting;
  const { account, container } = path;
  try {
    const address = { account, container };
    await call.door.core.authorise(call.context, { address, actions: ['container.list'] });
  } catch (error) {
    const reply = visiting.errorReply(toStoreError(error, 'swift.web'));
    return made(await withErrorPage(visiting, site, reply));
  }
  if (!isSite(site)) {
    if (isTrue(call.headers.get('x-web-mode'))) return made(statusReply(404));
    return plain(await visiting.answer(call, path));
  }
  if (!call.request.path.endsWith('/')) return made(redirectWithSlash(call));
  if (site.index === '') return list(visiting, site, '');
  const reply = await answerAt(visiting, site.index);
  if (reply.status === 404) return list(visiting, site, '');
  if (isServed(reply)) return plain(reply);
  return made(await withErrorPage(visiting, site, reply));
}

async function visitObject(visiting: Visit, site: Site, key: string): Promise<Visited> {
  const { call, path } = visiting;
  const own = await visiting.answer(call, path);
  const isMarker = isServed(own) && isDirectoryMarker(own, site);
  if (own.status !== 404 && !isMarker) return plain(own);
  if (!isSite(site)) return plain(own);
  await discard(own);
  const isDirectory = call.request.path.endsWith('/');
  if (site.index !== '') {
    const directory = isDirectory ? key : `${key}/`;
    const reply = await answerAt(visiting, directory + site.index);
    if (isServed(reply)) {
      if (isDirectory) return plain(reply);
      await discard(reply);
      return made(redirectWithSlash(call));
    }
    if (reply.status !== 404) return made(await withErrorPage(visiting, site, reply));
  }
  if (isDirectory) return list(visiting, site, key);
  const query = { ...directoryQuery(`${key}/`), limit: 1 };
  const items = await readDirectory(visiting, query);
  if (!Array.isArray(items) || items.length === 0) {
    return made(await withErrorPage(visiting, site, statusReply(404)));
  }
  return made(redirectWithSlash(call));
}

/** An object of the container, as the visitor would get it. */
function answerAt({ call, path, answer }: Visit, key: string): Promise<HttpReply> {
  const { account, container } = path;
  return answer(call, { shape: 'object', account, container, key });
}

/** Success, or one of HTTP's own words to a cache. */
function isServed({ status }: HttpReply): boolean {
  return status >= 200 && status <= 399;
}

function headerOf(reply: HttpReply, name: string): string | undefined {
  return reply.headers.find(([one]) => one.toLowerCase() === name)?.[1];
}

function isDirectoryMarker(reply: HttpReply, site: Site): boolean {
  const length = Number(headerOf(reply, 'content-length') ?? bodyLength(reply));
  return headerOf(reply, 'content-type') === site.directoryType && length <= 1;
}

function bodyLength({ body }: HttpReply): number {
  return body instanceof Uint8Array ? body.length : 0;
}

/** A body that nobody is going to read holds nothing open. */
async function discard({ body }: HttpReply): Promise<void> {
  if (body === undefined || body instanceof Uint8Array) return;
  await body[Symbol.asyncIterator]().return?.();
}

/** The container's own page for this status, if it has one that the visitor may read. */
async function withErrorPage(visiting: Visit, site: Site, reply: HttpReply): Promise<HttpReply> {
  if (site.error === '') return reply;
  // Neither a range nor a condition of the request is about this page.
  const headers = new Map(
    [...visiting.call.headers].filter(([name]) => !/^(?:if-|range$)/.test(name)),
  );
  const call = { ...visiting.call, headers };
  const page = await answerAt({ ...visiting, call }, `${reply.status}${site.error}`);
  if (page.status !== 200) {
    await discard(page);
    return reply;
  }
  await discard(reply);
  return { ...page, status: reply.status };
}

function directoryQuery(prefix: string): PageQuery {
  const bounds = { after: undefined, before: undefined, reverse: false };
  return { prefix, delimiter: '/', ...bounds, limit: listingLimit };
}

/** The entries of a directory, or the reply that says why there are none to be had. */
async function readDirectory(
  { call, path, errorReply }: Visit,
  query: PageQuery,
): Promise<readonly PageItem<VersionRow>[] | HttpReply> {
  const { core } = call.door;
  const address = { account: path.account, container: path.container };
  try {
    const parameters = { page: query, path: undefined };
    return await collectListing(parameters, core.limits.maxPageItems, async (next) => {
      const answer = await core.listObjects(call.context, address, next);
      return answer.page;
    });
  } catch (error) {
    if (!isStoreError(error)) throw error;
    return errorReply(error);
  }
}

const html: [string, string] = ['Content-Type', 'text/html; charset=UTF-8'];

async function list(visiting: Visit, site: Site, prefix: string): Promise<Visited> {
  const label = labelOf(visiting, site);
  if (!isListed(site)) {
    const reply: HttpReply = {
      status: 404,
      headers: [html],
      body: unlistedPage(site, label, prefix),
    };
    return made(await withErrorPage(visiting, site, reply));
  }
  const items = await readDirectory(visiting, directoryQuery(prefix));
  if (!isListing(items)) return made(await withErrorPage(visiting, site, items));
  if (prefix !== '' && items.length === 0) {
    return made(await withErrorPage(visiting, site, statusReply(404)));
  }
  const { linkQuery, isAbove } = tempUrlLinks(visiting.signed);
  const hasParent = isAbove(prefix);
  const body = directoryPage({ site, label, prefix, hasParent, linkQuery, items });
  return made({ status: 200, headers: [html], body });
}

function isListing(
  found: readonly PageItem<VersionRow>[] | HttpReply,
): found is readonly PageItem<VersionRow>[] {
  return Array.isArray(found);
}

function labelOf({ path }: Visit, site: Site): string {
  const key = path.shape === 'object' ? path.key : '';
  if (site.label !== '') return `${site.label}/${key}`;
  return `/v1/${path.account}/${path.container}/${key}`;
}

/** Links of a page that a TempURL opened keep it open; its prefix is the top. */
function tempUrlLinks(query: Query | undefined): {
  readonly linkQuery: string;
  readonly isAbove: (prefix: string) => boolean;
} {
  const top = query?.text('temp_url_prefix');
  if (query === undefined || top === undefined) {
    return { linkQuery: '', isAbove: (prefix) => prefix !== '' };
  }
  const range = query.text('temp_url_ip_range') ?? '';
  const parts = [
    `temp_url_prefix=${quote(top)}`,
    `temp_url_expires=${quote(query.text('temp_url_expires') ?? '')}`,
    `temp_url_sig=${quote(query.text('temp_url_sig') ?? '')}`,
    ...(range === '' ? [] : [`temp_url_ip_range=${quote(range)}`]),
    ...(query.has('inline') ? ['inline'] : []),
  ];
  return {
    linkQuery: `?${parts.join('&amp;')}`,
    isAbove: (prefix) => prefix.length > top.length,
  };
}

/** To the same address with a slash behind it, so that relative links mean what they say. */
function redirectWithSlash({ request }: AccountCall): HttpReply {
  const scheme = request.secure ? 'https' : 'http';
  const host = request.header('host') ?? '';
  const isHost = /^[A-Za-z0-9._~-]+(?::\d{1,5})?$|^\[[0-9A-Fa-f:.]+\](?::\d{1,5})?$/.test(host);
  if (!isHost) return statusReply(400);
  return statusReply(301, [['Location', `${scheme}://${host}${request.path}/`]]);
}

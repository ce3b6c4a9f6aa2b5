/**
 * Links: an object that stands for another one (Swift's symlinks; decision 0027). Reading one is
 * reading what it names, with the caller's own rights there. A static link also says which etag it
 * shall find.
 */
import { type ErrorDetail, isStoreError, StoreError } from '../../../base/errors.ts';
import type { GetObject, LinkTarget, ObjectReader } from '../api.ts';
import type { RequestContext } from '../request.ts';
import type { ResolvedContainer } from '../container/find.ts';
import type { Link } from '../link.ts';
import { bareEtag, type VersionRow } from '../model.ts';
import type { Services } from '../services.ts';

const op = 'object.open';

/** What has been followed so far. */
export interface LinkTrail {
  readonly hops: number;
  /** Must be that of what the last link names. */
  readonly etag: string | undefined;
  readonly target: LinkTarget;
}

type Open = (
  services: Services,
  ctx: RequestContext,
  command: GetObject,
  trail: LinkTrail,
) => Promise<ObjectReader>;

/** Whether a reader of this object wants what it names. */
export function isFollowed(command: Pick<GetObject, 'links'>, row: VersionRow): boolean {
  if (row.link === undefined || command.links === 'keep') return false;
  return command.links !== 'follow-static' || row.link.etag !== undefined;
}

/** The etag that a static link to this object names: of a large object that of its document. */
function etagOf(row: VersionRow): string {
  return row.link?.etag ?? row.manifest?.etag ?? row.etag;
}

/** What a static link promised must still be so: `conflict` with detail `link` otherwise. */
export function checkTrail(trail: LinkTrail | undefined, row: VersionRow): void {
  if (trail?.etag === undefined || trail.etag === etagOf(row)) return;
  throw brokenLink(trail.target, 'the object has another etag than the link says', {
    wanted: trail.etag,
    found: etagOf(row),
  });
}

/** Opens what `row` names. Throws what opening it throws, with detail `link`: its path; `conflict` after too many links. */
export async function followLink(
  services: Services,
  ctx: RequestContext,
  at: {
    readonly command: GetObject;
    readonly found: ResolvedContainer;
    readonly row: VersionRow;
    readonly trail: LinkTrail | undefined;
    readonly open: Open;
  },
): Promise<ObjectReader> {
  const { command, found, row, trail, open } = at;
  const hops = trail?.hops ?? 0;
  const { link } = row;
  if (link === undefined) throw new StoreError('internal', op, 'the object is no link');
  if (hops >= services.limits.maxLinks) {
    throw new StoreError('conflict', op, 'too many levels of symbolic links', {
      detail: { link: '', maxLinks: services.limits.maxLinks },
    });
  }
  const target = targetOfLink(link, found.row.account);
  const next: GetObject = { ...command, ...target, versionId: undefined };
  // What was permitted was to read the link.
  const { permit: _ofLink, ...reading } = ctx;
  try {
    const reader = await open(services, reading, next, { hops: hops + 1, etag: link.etag, target });
    const { version, isNull } = row;
    return {
      ...reader,
      row: { ...reader.row, version, isNull },
      container: found.row,
      target: reader.target ?? { ...target, row: reader.row },
    };
  } catch (error) {
    throw hops === 0 ? aboutTarget(error, target) : error;
  }
}

/** `account`: of the container that holds the link. */
function targetOfLink(link: Link, account: string): LinkTarget {
  const { container, key } = link;
  return { account: link.account ?? account, container, key };
}

function aboutTarget(error: unknown, target: LinkTarget): unknown {
  if (!isStoreError(error) || error.detail['link'] !== undefined) return error;
  const { kind, op: what, message, detail, cause } = error;
  return new StoreError(kind, what, message, {
    cause,
    detail: { ...detail, link: pathOf(target) },
  });
}

function pathOf({ account, container, key }: LinkTarget): string {
  return `/${account}/${container}/${key}`;
}

function brokenLink(target: LinkTarget, sentence: string, detail: ErrorDetail = {}): StoreError {
  return new StoreError('conflict', op, sentence, { detail: { ...detail, link: pathOf(target) } });
}

/**
 * A link as it is stored: a static one is checked against what it names (links that are not static
 * count as themselves) and gets its size. Also gives the type of that.
 */
export async function settleLink(
  services: Services,
  ctx: RequestContext,
  about: { readonly link: Link; readonly account: string; readonly open: Open },
): Promise<{ readonly link: Link; readonly contentType: string | undefined }> {
  const { account, container, key, etag } = about.link;
  const plain = { ...(account === undefined ? {} : { account }), container, key };
  if (etag === undefined) return { link: plain, contentType: undefined };
  const target = targetOfLink(about.link, about.account);
  const command: GetObject = {
    ...target,
    ...{ condition: {}, links: 'follow-static', metadataOnly: true, rowOnly: true },
  };
  try {
    const { row } = await about.open(services, ctx, command, { hops: 0, etag, target });
    const whole = row.manifest === undefined ? {} : { whole: bareEtag(row.etag) };
    return { link: { ...plain, etag, bytes: row.size, ...whole }, contentType: row.contentType };
  } catch (error) {
    const isMissing = ['no-such-object', 'no-such-container', 'is-delete-marker'];
    if (!isStoreError(error) || !isMissing.includes(error.kind)) throw error;
    throw brokenLink(target, 'the object that the link names does not exist');
  }
}

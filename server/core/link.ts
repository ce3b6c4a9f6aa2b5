/** Objects that stand for others. */

/** What a linking object names (Swift's symlink). */
export interface Link {
  /** undefined: the account of the link. */
  readonly account?: string | undefined;
  readonly container: string;
  readonly key: string;
  /** Of a static link: what must be found there, or nothing is. */
  readonly etag?: string | undefined;
  /** Of a static link: the size of what it names. */
  readonly bytes?: number | undefined;
  /** Of a static link to a large object: the etag of the whole. */
  readonly whole?: string | undefined;
}

/** How an object counts for somebody who reads through links: a static one has the size and etag of what it names. */
export function seenThroughLink(row: {
  readonly link?: Link | undefined;
  readonly size: number;
  readonly etag: string;
}): { readonly size: number; readonly etag: string } {
  const { link, size, etag } = row;
  return { size: link?.bytes ?? size, etag: link?.etag ?? etag };
}

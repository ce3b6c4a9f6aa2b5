/** ListObjects (version 1) and ListObjectsV2: one page of core's listing, in two documents. */
import type { ContainerInfo } from '../../core/api.ts';
import { seenThroughLink } from '../../core/link.ts';
import type { VersionRow } from '../../core/model.ts';
import type { Page } from '../../core/ports.ts';
import type { HttpReply } from '../../http/exchange.ts';
import { shownOwnerOf } from '../acl/ownership.ts';
import { type Call, bucketOf } from '../call.ts';
import { invalidArgument } from '../codes.ts';
import { formatIsoDate } from '../dates.ts';
import {
  type NameEncoding,
  decodeToken,
  encodeToken,
  ownerMarkup,
  parseEncoding,
  parseLimit,
} from '../listing-parameters.ts';
import { restoreMarkup } from '../lifecycle/restore-status.ts';
import { shownClass } from '../lifecycle/storage-class.ts';
import { xmlReply } from '../xml/reply.ts';
import { element, escapeXml, leaf, xmlDocument } from '../xml/writer.ts';

interface Listing {
  readonly prefix: string;
  readonly delimiter: string;
  readonly limit: number;
  readonly encoding: NameEncoding;
  readonly container: ContainerInfo;
  readonly page: Page<VersionRow>;
  /** The last name or group of a truncated page. */
  readonly last: string | undefined;
}

async function list(call: Call, after: string | undefined): Promise<Listing> {
  const prefix = call.query.get('prefix') ?? '';
  const delimiter = call.query.get('delimiter') ?? '';
  const limit = parseLimit(call, 'max-keys');
  const encoding = parseEncoding(call);
  // Ceph's: any order will do. Ours does; but who cannot rely on an order cannot group by it.
  if (delimiter !== '' && call.query.get('allow-unordered')?.toLowerCase() === 'true') {
    throw invalidArgument(
      'delimiter',
      delimiter,
      'A delimiter cannot be combined with allow-unordered.',
    );
  }
  const { container, page } = await call.door.core.listObjects(call.context, bucketOf(call), {
    prefix,
    delimiter,
    after,
    before: undefined,
    reverse: false,
    limit,
  });
  // Nothing was asked for, so nothing is left over.
  const truncated = page.truncated && limit > 0;
  const last = truncated ? page.items.at(-1)?.name : undefined;
  return {
    prefix,
    delimiter,
    limit,
    encoding,
    container,
    page: { items: page.items, truncated },
    last,
  };
}

export async function listObjects(call: Call): Promise<HttpReply> {
  const marker = call.query.get('marker') ?? '';
  const listing = await list(call, marker === '' ? undefined : marker);
  const { encoding, delimiter, last } = listing;
  const markup =
    leaf('Name', call.bucket) +
    leaf('Prefix', encoding.show(listing.prefix)) +
    leaf('Marker', encoding.show(marker)) +
    leaf('MaxKeys', listing.limit) +
    (delimiter === '' ? '' : leaf('Delimiter', encoding.show(delimiter))) +
    leaf('IsTruncated', listing.page.truncated) +
    // Without a delimiter clients go on from the last key.
    (delimiter === '' || last === undefined ? '' : leaf('NextMarker', encoding.show(last))) +
    leaf('EncodingType', encoding.isUrl ? 'url' : undefined) +
    itemsMarkup(call, listing, true);
  return xmlReply(xmlDocument('ListBucketResult', markup));
}

export async function listObjectsV2(call: Call): Promise<HttpReply> {
  const type = call.query.get('list-type') ?? '';
  if (type !== '2') throw invalidArgument('list-type', type, 'Invalid List Type specified');
  const token = call.query.get('continuation-token');
  const startAfter = call.query.get('start-after');
  const resumed = token === undefined || token === '' ? undefined : decodeToken(token);
  const after = resumed ?? (startAfter === '' ? undefined : startAfter);
  const listing = await list(call, after);
  const { encoding, delimiter, last, page } = listing;
  const withOwner = call.query.get('fetch-owner')?.toLowerCase() === 'true';
  const markup =
    leaf('Name', call.bucket) +
    leaf('Prefix', encoding.show(listing.prefix)) +
    leaf('MaxKeys', listing.limit) +
    leaf('KeyCount', page.items.length) +
    (delimiter === '' ? '' : leaf('Delimiter', encoding.show(delimiter))) +
    leaf('IsTruncated', page.truncated) +
    leaf('ContinuationToken', token) +
    leaf('NextContinuationToken', last === undefined ? undefined : encodeToken(last)) +
    leaf('StartAfter', startAfter === undefined ? undefined : encoding.show(startAfter)) +
    leaf('EncodingType', encoding.isUrl ? 'url' : undefined) +
    itemsMarkup(call, listing, withOwner);
  return xmlReply(xmlDocument('ListBucketResult', markup));
}

function itemsMarkup(call: Call, listing: Listing, withOwner: boolean): string {
  const { encoding, page, container } = listing;
  const { users } = call.door;
  const restored = restoreMarkup(call);
  let contents = '';
  let prefixes = '';
  for (const item of page.items) {
    if (item.type === 'group') {
      prefixes += element('CommonPrefixes', leaf('Prefix', encoding.show(item.name)));
    } else {
      const { row } = item;
      const owner = withOwner ? ownerMarkup(users, shownOwnerOf(row.system, container.row)) : '';
      const about = contentMarkup(encoding.show(item.name), row, owner) + restored(row);
      contents += element('Contents', about);
    }
  }
  return contents + prefixes;
}

function contentMarkup(key: string, row: VersionRow, owner: string): string {
  const { size, etag } = seenThroughLink(row);
  return (
    leaf('Key', key) +
    leaf('LastModified', formatIsoDate(row.modifiedAt / 1000)) +
    `<ETag>&quot;${escapeXml(etag)}&quot;</ETag>` +
    checksumMarkup(row) +
    leaf('Size', size) +
    owner +
    leaf('StorageClass', shownClass(row))
  );
}

/** Which checksums an object has; their values are shown by GET and HEAD. */
export function checksumMarkup(row: Pick<VersionRow, 'checksums'>): string {
  let markup = '';
  for (const checksum of row.checksums) {
    markup += leaf('ChecksumAlgorithm', checksum.algorithm.toUpperCase());
    markup += leaf('ChecksumType', checksum.type === 'composite' ? 'COMPOSITE' : 'FULL_OBJECT');
  }
  return markup;
}

import { seenThroughLink } from '../../core/link.ts';
import { type VersionRow, versionIdOf } from '../../core/model.ts';
import type { HttpReply } from '../../http/exchange.ts';
import { shownOwnerOf } from '../acl/ownership.ts';
import { type Call, bucketOf, bucketRowOf } from '../call.ts';
import { invalidArgument } from '../codes.ts';
import { formatIsoDate } from '../dates.ts';
import {
  type NameEncoding,
  ownerMarkup,
  parseEncoding,
  parseLimit,
} from '../listing-parameters.ts';
import { parseVersionId } from '../object/version-id.ts';
import { restoreMarkup } from '../lifecycle/restore-status.ts';
import { shownClass } from '../lifecycle/storage-class.ts';
import { xmlReply } from '../xml/reply.ts';
import { element, escapeXml, leaf, xmlDocument } from '../xml/writer.ts';
import { checksumMarkup } from './list-objects.ts';

/** ListObjectVersions. */
export async function listObjectVersions(call: Call): Promise<HttpReply> {
  const prefix = call.query.get('prefix') ?? '';
  const delimiter = call.query.get('delimiter') ?? '';
  const keyMarker = call.query.get('key-marker') ?? '';
  const idMarker = call.query.get('version-id-marker') ?? '';
  const limit = parseLimit(call, 'max-keys');
  const encoding = parseEncoding(call);
  const afterVersionId = parseIdMarker(call, idMarker);
  const { core, users } = call.door;
  const page = await core.listVersions(call.context, bucketOf(call), {
    prefix,
    delimiter,
    after: keyMarker === '' ? undefined : keyMarker,
    afterVersionId,
    before: undefined,
    reverse: false,
    limit,
  });
  const truncated = page.truncated && limit > 0;
  const bucket = bucketRowOf(call);
  const restored = restoreMarkup(call);
  let versions = '';
  let prefixes = '';
  for (const item of page.items) {
    if (item.type === 'group') {
      prefixes += element('CommonPrefixes', leaf('Prefix', encoding.show(item.name)));
    } else {
      const owner = ownerMarkup(users, shownOwnerOf(item.row.system, bucket));
      const more = owner + restored(item.row);
      versions += versionMarkup(encoding.show(item.name), item.row, item.isLatest, more);
    }
  }
  const markup =
    leaf('Name', call.bucket) +
    leaf('Prefix', encoding.show(prefix)) +
    leaf('KeyMarker', encoding.show(keyMarker)) +
    leaf('VersionIdMarker', idMarker) +
    leaf('MaxKeys', limit) +
    (delimiter === '' ? '' : leaf('Delimiter', encoding.show(delimiter))) +
    leaf('IsTruncated', truncated) +
    (truncated ? nextMarkers(page.items.at(-1), encoding) : '') +
    leaf('EncodingType', encoding.isUrl ? 'url' : undefined) +
    versions +
    prefixes;
  return xmlReply(xmlDocument('ListVersionsResult', markup));
}

function nextMarkers(
  last:
    | { readonly type: 'row'; readonly name: string; readonly row: VersionRow }
    | { readonly type: 'group'; readonly name: string }
    | undefined,
  encoding: NameEncoding,
): string {
  if (last === undefined) return '';
  const key = leaf('NextKeyMarker', encoding.show(last.name));
  return last.type === 'group' ? key : key + leaf('NextVersionIdMarker', versionIdOf(last.row));
}

function versionMarkup(key: string, row: VersionRow, isLatest: boolean, owner: string): string {
  const isMarker = row.kind === 'delete-marker';
  const about =
    leaf('Key', key) +
    leaf('VersionId', versionIdOf(row)) +
    leaf('IsLatest', isLatest) +
    leaf('LastModified', formatIsoDate(row.modifiedAt / 1000));
  if (isMarker) return element('DeleteMarker', about + owner);
  const { size, etag } = seenThroughLink(row);
  return element(
    'Version',
    `${about}<ETag>&quot;${escapeXml(etag)}&quot;</ETag>${checksumMarkup(row)}` +
      `${leaf('Size', size)}${leaf('StorageClass', shownClass(row))}${owner}`,
  );
}

/** Of a marker without its key Amazon says that first; of one beside an empty key, what is wrong with itself. */
function parseIdMarker(call: Call, idMarker: string): string | undefined {
  if (idMarker === '') return undefined;
  const keyMarker = call.query.get('key-marker');
  const parsed = keyMarker === undefined ? undefined : parseVersionId(idMarker);
  if (parsed !== undefined && keyMarker !== '') return parsed;
  throw invalidArgument(
    'version-id-marker',
    idMarker,
    'A version-id marker cannot be specified without a key marker.',
  );
}

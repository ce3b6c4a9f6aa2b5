import type { UploadRow } from '../../core/model.ts';
import type { PageItem } from '../../core/ports.ts';
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
  parseUploadId,
  shownUploadId,
} from '../listing-parameters.ts';
import { shownType } from '../object-headers.ts';
import { shownClass } from '../lifecycle/storage-class.ts';
import { xmlReply } from '../xml/reply.ts';
import { element, leaf, xmlDocument } from '../xml/writer.ts';

/** ListMultipartUploads. */
export async function listMultipartUploads(call: Call): Promise<HttpReply> {
  const { core, users } = call.door;
  const prefix = call.query.get('prefix') ?? '';
  const delimiter = call.query.get('delimiter') ?? '';
  const keyMarker = call.query.get('key-marker') ?? '';
  const idMarker = call.query.get('upload-id-marker') ?? '';
  const limit = parseLimit(call, 'max-uploads');
  const encoding = parseEncoding(call);
  // Without a key marker Amazon ignores the id.
  const afterUpload = keyMarker === '' || idMarker === '' ? undefined : parseUploadMarker(idMarker);
  const page = await core.listUploads(call.context, bucketOf(call), {
    prefix,
    delimiter,
    after: keyMarker === '' ? undefined : keyMarker,
    afterUpload,
    before: undefined,
    reverse: false,
    limit,
  });
  const ownersOf = ({ system }: UploadRow): string => {
    const owner = shownOwnerOf(system, bucketRowOf(call));
    return ownerMarkup(users, owner, 'Initiator') + ownerMarkup(users, owner);
  };
  const truncated = page.truncated && limit > 0;
  const markup =
    leaf('Bucket', call.bucket) +
    leaf('KeyMarker', encoding.show(keyMarker)) +
    leaf('UploadIdMarker', idMarker) +
    (truncated ? nextMarkers(page.items.at(-1), encoding) : '') +
    leaf('Prefix', encoding.show(prefix)) +
    (delimiter === '' ? '' : leaf('Delimiter', encoding.show(delimiter))) +
    leaf('MaxUploads', limit) +
    leaf('IsTruncated', truncated) +
    leaf('EncodingType', encoding.isUrl ? 'url' : undefined) +
    page.items.map((item) => itemMarkup(item, encoding, ownersOf)).join('');
  return xmlReply(xmlDocument('ListMultipartUploadsResult', markup));
}

function parseUploadMarker(text: string): NonNullable<ReturnType<typeof parseUploadId>> {
  const parsed = parseUploadId(text);
  if (parsed === undefined) {
    throw invalidArgument('upload-id-marker', text, 'Invalid uploadId marker');
  }
  return parsed;
}

function nextMarkers(last: PageItem<UploadRow> | undefined, encoding: NameEncoding): string {
  if (last === undefined) return '';
  const key = leaf('NextKeyMarker', encoding.show(last.name));
  return last.type === 'group' ? key : key + leaf('NextUploadIdMarker', shownUploadId(last.row));
}

function itemMarkup(
  item: PageItem<UploadRow>,
  encoding: NameEncoding,
  ownersOf: (row: UploadRow) => string,
): string {
  if (item.type === 'group') {
    return element('CommonPrefixes', leaf('Prefix', encoding.show(item.name)));
  }
  const { checksum, startedAt } = item.row;
  return element(
    'Upload',
    leaf('Key', encoding.show(item.name)) +
      leaf('UploadId', shownUploadId(item.row)) +
      ownersOf(item.row) +
      leaf('StorageClass', shownClass(item.row)) +
      leaf('Initiated', formatIsoDate(startedAt / 1000)) +
      leaf('ChecksumAlgorithm', checksum?.algorithm.toUpperCase()) +
      leaf('ChecksumType', checksum && shownType(checksum.type)),
  );
}

import { abortOf } from '../../core/lifecycle/shown.ts';
import type { PartRow } from '../../core/model.ts';
import type { HeaderPairs, HttpReply } from '../../http/exchange.ts';
import { shownOwnerOf } from '../acl/ownership.ts';
import { type Call, bucketRowOf } from '../call.ts';
import { invalidArgument } from '../codes.ts';
import { formatIsoDate } from '../dates.ts';
import { ownerMarkup, parseLimit } from '../listing-parameters.ts';
import { shownType } from '../object-headers.ts';
import { pushAbort } from '../lifecycle/shown-headers.ts';
import { shownClass } from '../lifecycle/storage-class.ts';
import { xmlReply } from '../xml/reply.ts';
import { element, escapeXml, leaf, xmlDocument } from '../xml/writer.ts';
import { uploadOf } from './upload-address.ts';

/** ListParts. */
export async function listParts(call: Call): Promise<HttpReply> {
  const { core, users } = call.door;
  const limit = parseLimit(call, 'max-parts');
  const after = parseMarker(call.query.get('part-number-marker'));
  const page = await core.listParts(call.context, uploadOf(call), after, limit);
  const owner = shownOwnerOf(page.upload.system, bucketRowOf(call));
  const { checksum } = page.upload;
  const last = page.parts.at(-1)?.partNumber ?? after;
  const markup =
    leaf('Bucket', call.bucket) +
    leaf('Key', call.key) +
    leaf('UploadId', call.query.get('uploadId')) +
    ownerMarkup(users, owner, 'Initiator') +
    ownerMarkup(users, owner) +
    leaf('StorageClass', shownClass(page.upload)) +
    leaf('PartNumberMarker', after) +
    leaf('NextPartNumberMarker', last) +
    leaf('MaxParts', limit) +
    leaf('IsTruncated', page.truncated && limit > 0) +
    leaf('ChecksumAlgorithm', checksum?.algorithm.toUpperCase()) +
    leaf('ChecksumType', checksum && shownType(checksum.type)) +
    page.parts.map(partMarkup).join('');
  const headers: HeaderPairs = [];
  pushAbort(headers, abortOf(bucketRowOf(call), call.key, page.upload));
  return xmlReply(xmlDocument('ListPartsResult', markup), headers);
}

function parseMarker(text: string | undefined): number {
  if (text === undefined || text === '') return 0;
  if (/^\d{1,10}$/.test(text)) return Number(text);
  throw invalidArgument(
    'part-number-marker',
    text,
    'Provided part-number-marker not an integer or within integer range',
  );
}

function partMarkup(part: PartRow): string {
  return element(
    'Part',
    leaf('PartNumber', part.partNumber) +
      leaf('LastModified', formatIsoDate(part.modifiedAt / 1000)) +
      `<ETag>&quot;${escapeXml(part.etag)}&quot;</ETag>` +
      leaf('Size', part.size) +
      partChecksums(part),
  );
}

/** A part's checksums have no type: that belongs to the object. */
export function partChecksums(part: Pick<PartRow, 'checksums'>): string {
  let markup = '';
  for (const { algorithm, value } of part.checksums) {
    markup += leaf(`Checksum${algorithm.toUpperCase()}`, value);
  }
  return markup;
}

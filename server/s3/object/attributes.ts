/** GetObjectAttributes: what is known of an object, without its bytes. */
import type { ObjectReader, PartPage } from '../../core/api.ts';
import type { PartRow } from '../../core/model.ts';
import { nthPart } from '../../core/object/read-body.ts';
import { formatHttpDate } from '../../http/conditional.ts';
import type { HeaderPairs, HttpReply } from '../../http/exchange.ts';
import type { Call } from '../call.ts';
import { invalidArgument, s3Error } from '../codes.ts';
import { readCustomerKey } from '../encryption/headers.ts';
import { partChecksums } from '../multipart/list-parts.ts';
import { pushVersion } from '../object-headers.ts';
import { shownClass } from '../lifecycle/storage-class.ts';
import { xmlReply } from '../xml/reply.ts';
import { element, leaf, xmlDocument } from '../xml/writer.ts';
import { checksumElements } from './copy.ts';
import { openRow } from './open-row.ts';

const ATTRIBUTES = 'x-amz-object-attributes';
const known = ['ETag', 'Checksum', 'ObjectParts', 'StorageClass', 'ObjectSize'] as const;
type Attribute = (typeof known)[number];
const MAX_PARTS = 1000;
const MAX_PART_NUMBER = 10_000;

export async function getObjectAttributes(call: Call): Promise<HttpReply> {
  const wanted = parseAttributes(call.headers.get(ATTRIBUTES));
  const limit = Math.min(parseCount(call, 'x-amz-max-parts', MAX_PARTS), MAX_PARTS);
  const after = parseCount(call, 'x-amz-part-number-marker', 0);
  const reader = await openRow(call, { links: 'follow', customerKey: readCustomerKey(call) });
  const { row } = reader;
  const checksums = checksumElements(row, call.door.countsInAttributes);
  const markup =
    (wanted.has('ETag') ? leaf('ETag', row.etag) : '') +
    (wanted.has('Checksum') && checksums !== '' ? element('Checksum', checksums) : '') +
    (wanted.has('ObjectParts') ? await partsMarkup(reader, after, limit) : '') +
    (wanted.has('StorageClass') ? leaf('StorageClass', shownClass(row)) : '') +
    (wanted.has('ObjectSize') ? leaf('ObjectSize', row.size) : '');
  const headers: HeaderPairs = [['Last-Modified', formatHttpDate(row.modifiedAt / 1000)]];
  pushVersion(headers, row, reader.container.versioning);
  return xmlReply(xmlDocument('GetObjectAttributesResponse', markup), headers);
}

function parseAttributes(text: string | undefined): ReadonlySet<Attribute> {
  const names = (text ?? '').split(',').map((name) => name.trim());
  const wanted = new Set<Attribute>();
  for (const name of names) {
    const attribute = known.find((one) => one === name);
    if (attribute === undefined) {
      throw text === undefined || text === ''
        ? s3Error(
            'InvalidRequest',
            `The ${ATTRIBUTES} header specifying the attributes to be retrieved is either missing or empty`,
          )
        : invalidArgument(ATTRIBUTES, name, 'Invalid attribute name specified.');
    }
    wanted.add(attribute);
  }
  return wanted;
}

function parseCount(call: Call, header: string, usual: number): number {
  const text = call.headers.get(header);
  if (text === undefined) return usual;
  if (/^\d{1,10}$/.test(text)) return Number(text);
  throw invalidArgument(header, text, `Provided ${header} not an integer or within integer range`);
}

/** Parts are counted, as reads by `partNumber` count them: the numbers of the upload may have had gaps (decision 0046). */
async function partsMarkup(reader: ObjectReader, after: number, limit: number): Promise<string> {
  const page = await reader.parts(uploadNumber(reader, after), limit);
  return page === undefined ? '' : element('ObjectParts', pageMarkup(page, after, limit));
}

/** Under which number the nth part was uploaded; the parts of a manifest are counted from the start. */
function uploadNumber({ row: { body } }: ObjectReader, nth: number): number {
  if (nth === 0 || body.type !== 'parts') return nth;
  return nthPart(body.runs, nth)?.partNumber ?? MAX_PART_NUMBER;
}

function pageMarkup(page: PartPage, after: number, limit: number): string {
  return (
    leaf('PartsCount', page.count) +
    leaf('PartNumberMarker', after) +
    leaf('NextPartNumberMarker', after + page.parts.length) +
    leaf('MaxParts', limit) +
    leaf('IsTruncated', page.truncated && limit > 0) +
    page.parts.map((part, index) => partMarkup(part, after + index + 1)).join('')
  );
}

function partMarkup(part: PartRow, nth: number): string {
  return element('Part', leaf('PartNumber', nth) + leaf('Size', part.size) + partChecksums(part));
}

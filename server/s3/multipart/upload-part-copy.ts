import type { CopyObject, ReadCondition } from '../../core/api.ts';
import type { RangeRequest } from '../../core/request.ts';
import type { HeaderPairs, HttpReply } from '../../http/exchange.ts';
import type { Call } from '../call.ts';
import { invalidArgument, s3Error } from '../codes.ts';
import { sourceCondition } from '../conditions.ts';
import { asCopy, copyMarkup, pushSourceVersion } from '../object/copy.ts';
import { copySourceOf } from '../object/copy-source.ts';
import { pushEncryption, readCustomerKey, readSourceKey } from '../encryption/headers.ts';
import { usualChecksums } from '../payload/payload.ts';
import { xmlReply } from '../xml/reply.ts';
import { xmlDocument } from '../xml/writer.ts';
import { partChecksums } from './list-parts.ts';
import { parsePartNumber, uploadOf } from './upload-address.ts';

const RANGE = 'x-amz-copy-source-range';

/** UploadPartCopy. */
export async function uploadPartCopy(call: Call): Promise<HttpReply> {
  const partNumber = parsePartNumber(call.query.get('partNumber'));
  const address = uploadOf(call);
  const source = { ...copySourceOf(call), customerKey: readSourceKey(call) };
  const customerKey = readCustomerKey(call);
  const range = parseCopyRange(call.headers.get(RANGE));
  const part = await asCopy(call, async () => {
    const condition = await pinnedCondition(call, source, range);
    return call.door.core.copyPart(call.context, {
      ...address,
      ...{ partNumber, customerKey },
      source,
      sourceCondition: condition,
      range,
      checksums: usualChecksums,
    });
  });
  const headers: HeaderPairs = [];
  pushSourceVersion(headers, part.sourceVersion);
  pushEncryption(headers, part.encryption, call);
  return xmlReply(xmlDocument('CopyPartResult', copyMarkup(part) + partChecksums(part)), headers);
}

/** Both ends must be given. */
function parseCopyRange(text: string | undefined): Required<RangeRequest> | undefined {
  if (text === undefined) return undefined;
  const match = /^bytes=(\d{1,15})-(\d{1,15})$/.exec(text);
  const first = Number(match?.[1]);
  const last = Number(match?.[2]);
  if (match === null || last < first) {
    throw invalidArgument(
      RANGE,
      text,
      'The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy',
    );
  }
  return { first, last };
}

/**
 * A range that ends past the source is refused here, where GET would cut it short. The copy is
 * then held to the version that was measured, so that a shorter one cannot slip in between.
 */
async function pinnedCondition(
  call: Call,
  source: CopyObject['source'],
  range: RangeRequest | undefined,
): Promise<ReadCondition> {
  const condition = sourceCondition(call.headers);
  if (range?.last === undefined) return condition;
  const { row } = await call.door.core.openObject(call.context, {
    ...source,
    condition,
    metadataOnly: true,
  });
  if (range.last >= row.size) {
    // versitygw's authors saw InvalidArgument at Amazon; ceph's suite wants this code (decision 0039).
    throw s3Error(
      'InvalidRange',
      `Range specified is not valid for source object of size: ${row.size}`,
      {
        RangeRequested: call.headers.get(RANGE) ?? '',
        ActualObjectSize: row.size,
      },
    );
  }
  return { ...condition, ifMatch: [row.etag] };
}

/** GET and HEAD of an object. */
import { emptyBytes, toHex } from '../../../base/bytes.ts';
import { isStoreError } from '../../../base/errors.ts';
import type { ObjectReader } from '../../core/api.ts';
import { parseEntityTags } from '../../http/conditional.ts';
import type { HttpReply } from '../../http/exchange.ts';
import type { ObjectCall } from '../call.ts';
import { wireOf } from '../../http/header-text.ts';
import { Refusal, statusReply } from '../reply.ts';
import { multiRangeReply, selectSpans, singleRangeReply } from './byte-ranges.ts';
import { judgeRead, rangeStillHolds } from './conditions.ts';
import { descriptionHeaders, identityHeaders } from './object-headers.ts';

export async function getObject(call: ObjectCall): Promise<HttpReply> {
  const reader = await openObject(call);
  const refused = judge(call, reader);
  if (refused !== undefined) return refused;
  const { row } = reader;
  const spans = rangeStillHolds(call.headers, row)
    ? selectSpans(call.headers.get('range'), row.size)
    : undefined;
  if (spans === undefined) return wholeReply(reader, true);
  const headers = [...identityHeaders(row), ...descriptionHeaders(row)];
  const [first] = spans;
  if (first === undefined) {
    return statusReply(416, [['Content-Range', `bytes */${row.size}`], ...identityHeaders(row)]);
  }
  const contentType = wireOf(row.contentType);
  if (spans.length === 1) return singleRangeReply(reader, first, contentType, headers);
  const boundary = toHex(call.door.random.bytes(16));
  return multiRangeReply(reader, spans, { contentType, boundary }, headers);
}

/** Ranges say nothing to HEAD: it describes the whole. */
export async function headObject(call: ObjectCall): Promise<HttpReply> {
  const reader = await openObject(call);
  return judge(call, reader) ?? wholeReply(reader, false);
}

async function openObject(call: ObjectCall): Promise<ObjectReader> {
  const { account, container, key } = call;
  try {
    // Conditions are judged here, on the row: Swift's rules are not those that core follows for S3.
    return await call.door.core.openObject(call.context, {
      account,
      container,
      key,
      condition: {},
    });
  } catch (error) {
    const wanted = parseEntityTags(call.headers.get('if-match'));
    if (isStoreError(error, 'no-such-object') && wanted === '*') {
      throw new Refusal(statusReply(412));
    }
    throw error;
  }
}

function judge(call: ObjectCall, reader: ObjectReader): HttpReply | undefined {
  const verdict = judgeRead(call.headers, reader.row);
  if (verdict === 'proceed') return undefined;
  const headers = identityHeaders(reader.row);
  return verdict === 'not-modified' ? { status: 304, headers } : statusReply(412, headers);
}

function wholeReply(reader: ObjectReader, withBody: boolean): HttpReply {
  const { row } = reader;
  const headers: [string, string][] = [
    ['Content-Type', wireOf(row.contentType)],
    ['Content-Length', String(row.size)],
    ...identityHeaders(row),
    ...descriptionHeaders(row),
  ];
  if (!withBody) return { status: 200, headers };
  return { status: 200, headers, body: row.size === 0 ? emptyBytes : reader.read(0, row.size) };
}

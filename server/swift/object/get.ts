/** GET and HEAD of an object. */
import { emptyBytes, toHex } from '../../../base/bytes.ts';
import type { HttpReply } from '../../http/exchange.ts';
import { wireOf } from '../../http/header-text.ts';
import { type ByteSpan, parseRangeHeader } from '../../http/range.ts';
import { started } from '../../http/started.ts';
import type { ObjectCall } from '../call.ts';
import { statusReply } from '../reply.ts';
import { linkHeaders } from '../symlink/link.ts';
import { placeHeaders } from '../versions/version-id.ts';
import { multiRangeReply, selectSpans, singleRangeReply } from './byte-ranges.ts';
import { judgeRead, rangeStillHolds } from './conditions.ts';
import { descriptionHeaders, identityHeaders } from './object-headers.ts';
import { type ObjectView, openView } from './open.ts';

export async function getObject(call: ObjectCall): Promise<HttpReply> {
  const view = await openView(call);
  const reply = judge(call, view) ?? replyOf(call, view);
  const { body } = reply;
  if (body === undefined || body instanceof Uint8Array) return reply;
  // What keeps the first byte from being read is answered, not cut off.
  return { ...reply, body: await started(body) };
}

/** Ranges say nothing to HEAD: it describes the whole. */
export async function headObject(call: ObjectCall): Promise<HttpReply> {
  const view = await openView(call);
  return judge(call, view) ?? wholeReply(call, view, false);
}

function replyOf(call: ObjectCall, view: ObjectView): HttpReply {
  const { reader } = view;
  const { row } = reader;
  const spans = spansOf(call, view);
  if (spans === undefined) return wholeReply(call, view, true);
  const headers = [
    ...identityHeaders(row, view.etag),
    ...descriptionHeaders(row),
    ...placeHeaders(call, reader),
    ...linkHeaders(row),
  ];
  const [first] = spans;
  if (first === undefined) {
    const range: [string, string] = ['Content-Range', `bytes */${row.size}`];
    return statusReply(416, [range, ...identityHeaders(row, view.etag)]);
  }
  const contentType = wireOf(row.contentType);
  if (spans.length === 1) return singleRangeReply(reader, first, contentType, headers);
  const boundary = toHex(call.door.random.bytes(16));
  return multiRangeReply(reader, spans, { contentType, boundary }, headers);
}

/** undefined: the whole is sent. */
function spansOf(call: ObjectCall, view: ObjectView): readonly ByteSpan[] | undefined {
  const { row } = view.reader;
  if (!rangeStillHolds(call.headers, row)) return undefined;
  const header = call.headers.get('range');
  if (view.takesRanges === 'several') return selectSpans(header, row.size);
  const ranges = parseRangeHeader(header, { blanksAnywhere: true });
  const [range, ...others] = ranges ?? [];
  if (range === undefined || others.length > 0) return undefined;
  // Of an object without a known end only a range that is known to lie inside can be served.
  const isInside = range.first !== undefined && (range.last ?? Infinity) < row.size;
  return view.hasLength || isInside ? selectSpans(header, row.size) : undefined;
}

function judge(call: ObjectCall, view: ObjectView): HttpReply | undefined {
  const { row } = view.reader;
  const verdict = judgeRead(call.headers, row);
  if (verdict === 'proceed') return undefined;
  const headers = [...identityHeaders(row, view.etag), ...placeHeaders(call, view.reader)];
  return verdict === 'not-modified' ? { status: 304, headers } : statusReply(412, headers);
}

function wholeReply(call: ObjectCall, view: ObjectView, withBody: boolean): HttpReply {
  const { reader, etag, hasLength } = view;
  const { row } = reader;
  const headers: [string, string][] = [
    ['Content-Type', wireOf(row.contentType)],
    ...identityHeaders(row, etag),
    ...descriptionHeaders(row),
    ...placeHeaders(call, reader),
    ...linkHeaders(row),
  ];
  if (hasLength) headers.push(['Content-Length', String(row.size)]);
  if (!withBody) return { status: 200, headers };
  if (hasLength && row.size === 0) return { status: 200, headers, body: emptyBytes };
  return { status: 200, headers, body: reader.read(0, hasLength ? row.size : Infinity) };
}

/** GET and HEAD of an object. */
import { emptyBytes, toHex, utf8 } from '../../../base/bytes.ts';
import { isStoreError } from '../../../base/errors.ts';
import type { PartView } from '../../core/api.ts';
import type { HttpReply } from '../../http/exchange.ts';
import { wireOf } from '../../http/header-text.ts';
import { type ByteSpan, parseRangeHeader } from '../../http/range.ts';
import { started } from '../../http/started.ts';
import type { ObjectCall } from '../call.ts';
import { wantsManifest } from '../large/manifest-view.ts';
import { Refusal, refuse, statusReply } from '../reply.ts';
import { linkHeaders } from '../symlink/link.ts';
import { placeHeaders } from '../versions/version-id.ts';
import { multiRangeReply, selectSpans, singleRangeReply } from './byte-ranges.ts';
import { judgeRead, rangeStillHolds } from './conditions.ts';
import { descriptionHeaders, identityHeaders } from './object-headers.ts';
import { type ObjectView, openView } from './open.ts';

export async function getObject(call: ObjectCall): Promise<HttpReply> {
  const view = await openView(call);
  const part = await partOf(call, view);
  const reply = judge(call, view) ?? replyOf(call, view, part);
  const { body } = reply;
  if (body === undefined || body instanceof Uint8Array) return reply;
  // What keeps the first byte from being read is answered, not cut off.
  return { ...reply, body: await started(body) };
}

/** Ranges say nothing to HEAD: it describes the whole, or a part. */
export async function headObject(call: ObjectCall): Promise<HttpReply> {
  const view = await openView(call);
  const part = await partOf(call, view);
  const judged = judge(call, view);
  if (judged !== undefined) return judged;
  if (part === undefined) return wholeReply(call, view, false);
  const { body: _body, ...head } = partReply(call, view, part);
  return head;
}

/** The part that `part-number` asks for; the parameter says nothing of an object that has none. */
async function partOf(call: ObjectCall, view: ObjectView): Promise<PartView | undefined> {
  const { reader } = view;
  if (!hasParts(view) || wantsManifest(call)) return undefined;
  const partNumber = readPartNumber(call);
  if (partNumber === undefined) return undefined;
  try {
    return await reader.viewPart(partNumber);
  } catch (error) {
    if (!isStoreError(error, 'range-not-satisfiable')) throw error;
    const text = utf8('The requested part number is not satisfiable');
    throw new Refusal({
      status: 416,
      headers: [
        ['Content-Type', wireOf(reader.row.contentType)],
        ['Content-Range', `bytes */${reader.row.size}`],
        ['X-Parts-Count', String(error.detail['partsCount'])],
        ...headersOf(call, view),
        // To HEAD, which has no body, the length of none is told.
        ...(call.request.method === 'HEAD' ? [['Content-Length', '0'] as const] : []),
      ],
      ...(call.request.method === 'HEAD' ? {} : { body: text }),
    });
  }
}

function hasParts({ reader }: ObjectView): boolean {
  return reader.large === 'static' || reader.row.body.type === 'parts';
}

/** Throws Refusal 400. */
export function readPartNumber(call: ObjectCall): number | undefined {
  const text = call.query.text('part-number');
  if (text === undefined) return undefined;
  const partNumber = /^\s*\+?\d+\s*$/.test(text) ? Number(text) : 0;
  if (partNumber < 1) throw refuse(400, 'Part number must be an integer greater than 0');
  if (parseRangeHeader(call.headers.get('range'), { blanksAnywhere: true }) !== undefined) {
    throw refuse(400, 'Range requests are not supported with part number queries');
  }
  return partNumber;
}

function partReply(call: ObjectCall, view: ObjectView, part: PartView): HttpReply {
  const { reader } = view;
  const { start, end, partsCount } = part;
  const contentType = wireOf(reader.row.contentType);
  const count: readonly [string, string] = ['X-Parts-Count', String(partsCount ?? 1)];
  return singleRangeReply(reader, { start, end }, contentType, [count, ...headersOf(call, view)]);
}

function replyOf(call: ObjectCall, view: ObjectView, part: PartView | undefined): HttpReply {
  if (part !== undefined) return partReply(call, view, part);
  const { reader } = view;
  const { row } = reader;
  const spans = spansOf(call, view);
  if (spans === undefined) return wholeReply(call, view, true);
  const headers = headersOf(call, view);
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
  const { row, hasLength } = view.reader;
  if (!rangeStillHolds(call.headers, row)) return undefined;
  const header = call.headers.get('range');
  if (view.takesRanges === 'several') return selectSpans(header, row.size);
  const ranges = parseRangeHeader(header, { blanksAnywhere: true });
  const [range, ...others] = ranges ?? [];
  if (range === undefined || others.length > 0) return undefined;
  // Of an object without a known end only a range that is known to lie inside can be served.
  const isInside = range.first !== undefined && (range.last ?? Infinity) < row.size;
  return hasLength || isInside ? selectSpans(header, row.size) : undefined;
}

function judge(call: ObjectCall, view: ObjectView): HttpReply | undefined {
  const { row } = view.reader;
  const verdict = judgeRead(call.headers, row);
  if (verdict === 'proceed') return undefined;
  const headers = [...identityHeaders(row, view.etag), ...placeHeaders(call, view.reader)];
  return verdict === 'not-modified' ? { status: 304, headers } : statusReply(412, headers);
}

function headersOf(call: ObjectCall, view: ObjectView): [string, string][] {
  const { reader } = view;
  const { row } = reader;
  const headers = [
    ...identityHeaders(row, view.etag),
    ...descriptionHeaders(row),
    ...placeHeaders(call, reader),
    ...linkHeaders(row),
  ];
  if (view.manifestEtag !== undefined) headers.push(['X-Manifest-Etag', view.manifestEtag]);
  return headers;
}

function wholeReply(call: ObjectCall, view: ObjectView, withBody: boolean): HttpReply {
  const { reader } = view;
  const { row, hasLength } = reader;
  const headers: [string, string][] = [
    ['Content-Type', wireOf(row.contentType)],
    ...headersOf(call, view),
  ];
  if (hasLength) headers.push(['Content-Length', String(row.size)]);
  if (!withBody) return { status: 200, headers };
  if (hasLength && row.size === 0) return { status: 200, headers, body: emptyBytes };
  return { status: 200, headers, body: reader.read(0, hasLength ? row.size : Infinity) };
}

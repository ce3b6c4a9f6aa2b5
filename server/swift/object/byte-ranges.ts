/** Ranges as Swift serves them: one as 206 with Content-Range, several as `multipart/byteranges`, too costly ones as 416. */
import type { ObjectReader } from '../../core/api.ts';
import type { HttpReply } from '../../http/exchange.ts';
import { type ByteSpan, contentRange, parseRangeHeader, resolveRange } from '../../http/range.ts';
import { rangeLimits } from '../limits.ts';

/** undefined: no valid Range, send the whole. Empty: nothing can be satisfied (416). */
export function selectSpans(
  header: string | undefined,
  size: number,
): readonly ByteSpan[] | undefined {
  const ranges = parseRangeHeader(header, { blanksAnywhere: true });
  if (ranges === undefined) return undefined;
  // A suffix of an empty object is all of it, and no Content-Range could say so.
  if (size === 0 && ranges.some((range) => range.first === undefined && range.last !== 0)) {
    return undefined;
  }
  const spans = ranges
    .map((range) => resolveRange(range, size))
    .filter((span) => span !== undefined);
  return isCostly(spans) ? [] : spans;
}

function isCostly(spans: readonly ByteSpan[]): boolean {
  if (spans.length > rangeLimits.ranges) return true;
  let overlaps = 0;
  for (const [i, one] of spans.entries()) {
    for (const other of spans.slice(i + 1)) if (overlap(one, other)) overlaps += 1;
  }
  if (overlaps > rangeLimits.overlaps) return true;
  const ascending = spans.every((span, i) => !isAfter(spans[i - 1], span));
  return !ascending && spans.length >= rangeLimits.outOfOrder;
}

/** As swob counts them: equal spans and those that only share both ends are no overlap. */
function overlap(a: ByteSpan, b: ByteSpan): boolean {
  const within = (position: number, span: ByteSpan): boolean =>
    span.start < position && position < span.end;
  return within(b.start, a) || within(b.end, a) || within(a.start, b) || within(a.end, b);
}

function isAfter(a: ByteSpan | undefined, b: ByteSpan): boolean {
  if (a === undefined) return false;
  return a.start > b.start || (a.start === b.start && a.end > b.end);
}

type HeaderPairs = readonly (readonly [string, string])[];

/** 206 of one span. */
export function singleRangeReply(
  reader: ObjectReader,
  span: ByteSpan,
  contentType: string,
  headers: HeaderPairs,
): HttpReply {
  return {
    status: 206,
    headers: [
      ['Content-Type', contentType],
      ['Content-Length', String(span.end - span.start)],
      ['Content-Range', contentRange(span, reader.row.size)],
      ...headers,
    ],
    body: reader.read(span.start, span.end),
  };
}

/** 206 of several spans. `boundary`: 32 random hex digits, so that no object's bytes can hold it but by chance. */
export function multiRangeReply(
  reader: ObjectReader,
  spans: readonly ByteSpan[],
  piece: { readonly contentType: string; readonly boundary: string },
  headers: HeaderPairs,
): HttpReply {
  const { boundary, contentType } = piece;
  const size = reader.row.size;
  const heads = spans.map((span) =>
    Buffer.from(
      `--${boundary}\r\nContent-Type: ${contentType}\r\nContent-Range: ${contentRange(span, size)}\r\n\r\n`,
      'latin1',
    ),
  );
  const end = Buffer.from(`--${boundary}--`, 'latin1');
  let length = end.length;
  for (const [i, span] of spans.entries()) {
    length += (heads[i]?.length ?? 0) + (span.end - span.start) + lineEnd.length;
  }
  return {
    status: 206,
    headers: [
      ['Content-Type', `multipart/byteranges;boundary=${boundary}`],
      ['Content-Length', String(length)],
      ...headers,
    ],
    body: multiRangeBody(reader, spans, heads, end),
  };
}

const lineEnd = Buffer.from('\r\n', 'latin1');

async function* multiRangeBody(
  reader: ObjectReader,
  spans: readonly ByteSpan[],
  heads: readonly Uint8Array[],
  end: Uint8Array,
): AsyncGenerator<Uint8Array> {
  for (const [i, span] of spans.entries()) {
    const head = heads[i];
    if (head !== undefined) yield head;
    yield* reader.read(span.start, span.end);
    yield new Uint8Array(lineEnd);
  }
  yield end;
}

/**
 * The Range header (RFC 9110 section 14.2). Both doors share the parser; each decides what several
 * ranges mean to it (S3 answers the whole object, Swift `multipart/byteranges`).
 */

/** As requested: [first, last], suffix of `last` bytes when first is undefined, open end when last is undefined. */
export interface ByteRange {
  readonly first: number | undefined;
  readonly last: number | undefined;
}

/** Bytes [start, end) of a representation. */
export interface ByteSpan {
  readonly start: number;
  readonly end: number;
}

export interface RangeLeniency {
  /** Swift: blanks are allowed anywhere (`BYTES = 0 - 999`). S3: only around commas. */
  readonly blanksAnywhere?: boolean;
}

/** More pieces than this are an attack, not a client; 64 KiB of header could name 16 thousand. */
const MAX_RANGES = 1000;

/** undefined: absent, another unit or malformed, so the header is ignored and the whole is sent. `bytes=-0` parses; `resolveRange` finds it unsatisfiable. */
export function parseRangeHeader(
  value: string | undefined,
  leniency: RangeLeniency = {},
): readonly ByteRange[] | undefined {
  if (value === undefined) return undefined;
  const text = leniency.blanksAnywhere === true ? value.replace(/[ \t]/g, '') : value.trim();
  // RFC 9110 section 14.2 has no blank around it: `bytes= -1` is malformed.
  const unit = /^bytes=(?![ \t])/i.exec(text);
  if (unit === null) return undefined;
  const ranges: ByteRange[] = [];
  for (const piece of text.slice(unit[0].length).split(',', MAX_RANGES + 1)) {
    const trimmed = piece.trim();
    // RFC 9110 section 5.6.1: empty list elements are skipped.
    if (trimmed === '') continue;
    const range = parseOne(trimmed);
    if (range === undefined) return undefined;
    ranges.push(range);
  }
  return ranges.length === 0 || ranges.length > MAX_RANGES ? undefined : ranges;
}

function parseOne(text: string): ByteRange | undefined {
  const match = /^(\d*)-(\d*)$/.exec(text);
  if (match === null) return undefined;
  const first = parsePosition(match[1]);
  const last = parsePosition(match[2]);
  if (first === undefined && last === undefined) return undefined;
  if (first !== undefined && last !== undefined && last < first) return undefined;
  return { first, last };
}

/** Positions beyond what a number holds exactly lie past the end of any object. */
function parsePosition(digits: string | undefined): number | undefined {
  if (digits === undefined || digits === '') return undefined;
  return Math.min(Number(digits), Number.MAX_SAFE_INTEGER);
}

/** The bytes that a range selects of `size`; undefined when it selects none (416 if no other does). */
export function resolveRange(range: ByteRange, size: number): ByteSpan | undefined {
  if (range.first === undefined) {
    const length = Math.min(range.last ?? 0, size);
    return length === 0 ? undefined : { start: size - length, end: size };
  }
  if (range.first >= size) return undefined;
  const end = range.last === undefined ? size : Math.min(range.last + 1, size);
  return { start: range.first, end };
}

/** `Content-Range` of a satisfied range. */
export function contentRange(span: ByteSpan, size: number): string {
  return `bytes ${span.start}-${span.end - 1}/${size}`;
}

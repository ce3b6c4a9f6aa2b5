/** The list that `?multipart-manifest=put` brings, checked as far as it can be without looking at the segments. */
import type { PartClaim } from '../../core/large/manifest-command.ts';
import { parseRangeHeader, resolveRange } from '../../http/range.ts';
import type { ObjectCall } from '../call.ts';
import { manifestLimits } from '../limits.ts';
import { Refusal, refuse, textReply } from '../reply.ts';

export interface ManifestEntry {
  readonly claim: PartClaim;
  /** As the client wrote it: reports name it so. '' for data. */
  readonly path: string;
}

/** Throws Refusal 400 with a line for every entry that is wrong, 413 for too many. */
export function parseManifest(call: ObjectCall, body: Uint8Array): readonly ManifestEntry[] {
  const entries = parseList(body);
  const problems: string[] = [];
  const claims: ManifestEntry[] = [];
  for (const [index, entry] of entries.entries()) {
    const isLast = index === entries.length - 1;
    const claim = parseEntry(call, entry, isLast);
    if (typeof claim === 'string') problems.push(`Index ${index}: ${claim}`);
    else claims.push({ claim, path: pathOf(entry) });
  }
  if (entries.length > 0 && entries.every((entry) => isRecord(entry) && 'data' in entry)) {
    problems.push('Inline data segments require at least one object-backed segment.');
  }
  if (problems.length > 0) {
    throw new Refusal(textReply(400, problems.map((line) => `${line}\n`).join('')));
  }
  const limit = manifestLimits.segments;
  if (claims.filter(({ claim }) => claim.type === 'object').length > limit) {
    throw refuse(413, `Number of object-backed segments must be <= ${limit}`);
  }
  return claims;
}

function parseList(body: Uint8Array): readonly unknown[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(body).toString('utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) throw refuse(400, 'Manifest must be valid JSON.\n');
    throw error;
  }
  if (!Array.isArray(parsed)) throw refuse(400, 'Manifest must be a list.\n');
  return parsed;
}

type Entry = Readonly<Record<string, unknown>>;

function isRecord(value: unknown): value is Entry {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function pathOf(entry: unknown): string {
  return isRecord(entry) && typeof entry['path'] === 'string' ? entry['path'] : '';
}

/** A text says what is wrong. */
function parseEntry(call: ObjectCall, entry: unknown, isLast: boolean): PartClaim | string {
  if (!isRecord(entry)) return 'not a JSON object';
  // `data` first: an entry with both has a key too many.
  if ('data' in entry) return extraneous(entry, ['data']) ?? parseData(entry['data']);
  if (!('path' in entry)) return `expected keys to include one of 'data' or 'path'`;
  const allowed = ['path', 'range', 'etag', 'size_bytes'];
  return extraneous(entry, allowed) ?? parseObject(call, entry, isLast);
}

function extraneous(entry: Entry, allowed: readonly string[]): string | undefined {
  const keys = Object.keys(entry).filter((key) => !allowed.includes(key));
  if (keys.length === 0) return undefined;
  return `extraneous keys ${keys
    .toSorted()
    .map((key) => JSON.stringify(key))
    .join(', ')}`;
}

const tooSmall = 'too small; each segment must be at least 1 byte.';

function parseData(data: unknown): PartClaim | string {
  const text = typeof data === 'string' ? data.replace(/=+$/, '') : undefined;
  // A rest of one character can be the base64 of nothing.
  if (text === undefined || !/^[A-Za-z0-9+/]*$/.test(text) || text.length % 4 === 1) {
    return 'data must be valid base64';
  }
  const bytes = Buffer.from(text, 'base64');
  return bytes.length === 0 ? tooSmall : { type: 'data', bytes };
}

function parseObject(call: ObjectCall, entry: Entry, isLast: boolean): PartClaim | string {
  const { path, etag, size_bytes: sizeField, range: rangeField } = entry;
  if (typeof path !== 'string') return '"path" must be a string';
  if (etag !== undefined && etag !== null && typeof etag !== 'string') {
    return '"etag" must be a string or null (if provided)';
  }
  const name = /^\/*([^/]+)\/([^]*)$/.exec(path);
  // Slashes at either end make no object of a container.
  if (name === null || !/[^/]\/+[^/]/.test(path)) {
    return 'path does not refer to an object. Path must be of the form /container/object.';
  }
  const [, container = '', key = ''] = name;
  const size = parseSize(sizeField);
  if (size === 'invalid') return 'invalid size_bytes';
  if (size !== undefined && size < 1 && !isLast) return tooSmall;
  if (container === call.container && key === call.key) {
    return 'manifest must not include itself as a segment';
  }
  const range = parseRange(rangeField, size);
  if (typeof range === 'string') return range;
  return {
    ...{ type: 'object', container, key, range },
    ...(typeof etag === 'string' ? { etag } : {}),
    ...(size === undefined ? {} : { size }),
  };
}

/** A number, or one in a string, as Python's `int` takes them. */
function parseSize(field: unknown): number | undefined | 'invalid' {
  if (field === undefined || field === null) return undefined;
  if (typeof field === 'number') return Math.trunc(field);
  return typeof field === 'string' && /^\s*[+-]?\d+\s*$/.test(field) ? Number(field) : 'invalid';
}

function parseRange(
  field: unknown,
  size: number | undefined,
): { readonly first: number | undefined; readonly last: number | undefined } | string | undefined {
  if (field === undefined || field === null || field === '') return undefined;
  const ranges =
    typeof field === 'string'
      ? parseRangeHeader(`bytes=${field}`, { blanksAnywhere: true })
      : undefined;
  const [range, ...others] = ranges ?? [];
  if (range === undefined) return 'invalid range';
  if (others.length > 0) return 'multiple ranges (only one allowed)';
  // When the client tells the size, it can be seen at once.
  const isOutside = size !== undefined && resolveRange(range, size) === undefined;
  return isOutside ? 'unsatisfiable range' : range;
}

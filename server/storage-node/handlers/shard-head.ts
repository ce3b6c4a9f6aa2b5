/** Commands, rows and listings in heads and bytes of messages. */
import { StoreError } from '../../../base/errors.ts';
import type {
  ListItem,
  ListPage,
  ListQuery,
  Row,
  ScanRange,
} from '../../../storage/shard/shard.ts';
import { rowKey } from '../../../storage/shard/row-key.ts';
import { asHead, flagIn, type Head, listIn, numberIn, PieceReader, textIn } from '../wire/head.ts';

function bad(message: string): StoreError {
  return new StoreError('invalid-argument', 'wire.shard', message);
}

export interface HeadAndBytes {
  readonly head: Head;
  readonly bytes: readonly Uint8Array[];
}

/** A command or its result: plain data, whose first level may hold bytes. */
export function encodePlain(value: unknown): HeadAndBytes {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { head: { value }, bytes: [] };
  }
  const plain: Record<string, unknown> = {};
  const fields: [string, number][] = [];
  const bytes: Uint8Array[] = [];
  for (const [name, one] of Object.entries(value)) {
    if (one instanceof Uint8Array) {
      fields.push([name, one.length]);
      bytes.push(one);
    } else plain[name] = one;
  }
  return { head: fields.length === 0 ? { value: plain } : { value: plain, fields }, bytes };
}

export function decodePlain(head: Head, bytes: Uint8Array): unknown {
  const { value } = head;
  if (head['fields'] === undefined) return value;
  const pieces = new PieceReader(bytes);
  const fields = listIn(head, 'fields').map((field): [string, Uint8Array] => {
    const [name, length] = Array.isArray(field) ? (field as readonly unknown[]) : [];
    if (typeof name !== 'string' || typeof length !== 'number') throw bad('not a field of bytes');
    return [name, pieces.next(length)];
  });
  pieces.end();
  return { ...asHead(value), ...Object.fromEntries(fields) };
}

const none = -1;

/** `[key length, meta length, length of the inline body or -1]`. */
export function encodeRow({ key, meta, bodyLength }: Row): readonly number[] {
  return [key.length, meta.length, bodyLength ?? none];
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function decodeRow(line: unknown, pieces: PieceReader): Row {
  const [keyLength, metaLength, bodyLength] = Array.isArray(line)
    ? (line as readonly unknown[])
    : [];
  if (!isCount(keyLength) || !isCount(metaLength)) throw bad('not a row');
  const key = pieces.next(keyLength);
  const meta = pieces.next(metaLength);
  return { key, meta, bodyLength: isCount(bodyLength) ? bodyLength : undefined };
}

/** An answer that would be longer is cut short after the row that makes it so: a page of many large rows. */
const pageBytesMax: number = 8 * 1024 * 1024;

export interface CutRows extends HeadAndBytes {
  readonly isCut: boolean;
}

export function encodeRows(rows: readonly Row[]): CutRows {
  const lines: (readonly number[])[] = [];
  const bytes: Uint8Array[] = [];
  let length = 0;
  for (const row of rows) {
    if (length > pageBytesMax) return { head: { rows: lines }, bytes, isCut: true };
    lines.push(encodeRow(row));
    bytes.push(row.key, row.meta);
    length += row.key.length + row.meta.length;
  }
  return { head: { rows: lines }, bytes, isCut: false };
}

export function decodeRows(head: Head, bytes: Uint8Array): readonly Row[] {
  const pieces = new PieceReader(bytes);
  const rows = listIn(head, 'rows').map((line) => decodeRow(line, pieces));
  pieces.end();
  return rows;
}

/** A row, and its body where one was asked for and there is one. */
export function encodeFound(found: {
  readonly row: Row;
  readonly body: Uint8Array | undefined;
}): HeadAndBytes {
  const { row, body } = found;
  const bytes = [row.key, row.meta];
  if (body === undefined) return { head: { row: encodeRow(row) }, bytes };
  return { head: { row: encodeRow(row), body: body.length }, bytes: [...bytes, body] };
}

export function decodeFound(
  head: Head,
  bytes: Uint8Array,
): { row: Row; body: Uint8Array | undefined } | undefined {
  if (head['row'] === undefined) return undefined;
  const pieces = new PieceReader(bytes);
  const row = decodeRow(head['row'], pieces);
  const body = head['body'] === undefined ? undefined : pieces.next(numberIn(head, 'body'));
  pieces.end();
  return { row, body };
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

function bytesIn(head: Head, name: string): Uint8Array {
  return new Uint8Array(Buffer.from(textIn(head, name), 'base64'));
}

const optionalBytes = (head: Head, name: string): Uint8Array | undefined =>
  head[name] === undefined ? undefined : bytesIn(head, name);

export function encodeRange({ gte, lt, limit, reverse }: ScanRange): Head {
  return { gte: text(gte), lt: text(lt), limit, ...(reverse === true ? { reverse } : {}) };
}

export function decodeRange(head: Head): ScanRange {
  const range = {
    gte: bytesIn(head, 'gte'),
    lt: bytesIn(head, 'lt'),
    limit: numberIn(head, 'limit'),
  };
  return flagIn(head, 'reverse') ? { ...range, reverse: true } : range;
}

export function encodeQuery(query: ListQuery): Head {
  const { after, afterSuffix, before, beforeSuffix, reverse, limit } = query;
  return {
    region: text(query.region),
    prefix: text(query.prefix),
    delimiter: text(query.delimiter),
    ...(after === undefined ? {} : { after: text(after) }),
    ...(afterSuffix === undefined ? {} : { afterSuffix: text(afterSuffix) }),
    ...(before === undefined ? {} : { before: text(before) }),
    ...(beforeSuffix === undefined ? {} : { beforeSuffix: text(beforeSuffix) }),
    ...{ reverse, limit },
  };
}

export function decodeQuery(head: Head): ListQuery {
  const afterSuffix = optionalBytes(head, 'afterSuffix');
  const beforeSuffix = optionalBytes(head, 'beforeSuffix');
  return {
    region: bytesIn(head, 'region'),
    prefix: bytesIn(head, 'prefix'),
    delimiter: bytesIn(head, 'delimiter'),
    after: optionalBytes(head, 'after'),
    ...(afterSuffix === undefined ? {} : { afterSuffix }),
    before: optionalBytes(head, 'before'),
    ...(beforeSuffix === undefined ? {} : { beforeSuffix }),
    reverse: flagIn(head, 'reverse'),
    limit: numberIn(head, 'limit'),
  };
}

/** An item is `[name length]` for a group, `[name length, suffix length, meta length, body length or -1]` for a row; its key is put together again. */
export function encodePage({ items, truncated }: ListPage): HeadAndBytes {
  const lines: (readonly number[])[] = [];
  const bytes: Uint8Array[] = [];
  let length = 0;
  for (const item of items) {
    if (length > pageBytesMax) return { head: { items: lines, truncated: true }, bytes };
    bytes.push(item.name);
    if (item.type === 'group') lines.push([item.name.length]);
    else {
      const { suffix, row } = item;
      lines.push([item.name.length, suffix.length, row.meta.length, row.bodyLength ?? none]);
      bytes.push(suffix, row.meta);
      length += row.meta.length;
    }
    length += item.name.length;
  }
  return { head: { items: lines, truncated }, bytes };
}

export function decodePage(head: Head, bytes: Uint8Array, region: Uint8Array): ListPage {
  const pieces = new PieceReader(bytes);
  const items = listIn(head, 'items').map((line): ListItem => {
    const [nameLength, suffixLength, metaLength, bodyLength] = Array.isArray(line)
      ? (line as readonly unknown[])
      : [];
    if (!isCount(nameLength)) throw bad('not an item of a listing');
    const name = pieces.next(nameLength);
    if (suffixLength === undefined) return { type: 'group', name };
    if (!isCount(suffixLength) || !isCount(metaLength)) throw bad('not an item of a listing');
    const suffix = pieces.next(suffixLength);
    const meta = pieces.next(metaLength);
    const key = rowKey(region, name, suffix);
    const row = { key, meta, bodyLength: isCount(bodyLength) ? bodyLength : undefined };
    return { type: 'row', name, suffix, row };
  });
  pieces.end();
  return { items, truncated: flagIn(head, 'truncated') };
}

/**
 * Keys of rows: bytes in, bytes out, order kept. See docs/format/rows.md.
 *
 * A name is written so that no name's bytes are the beginning of another's and so that the order of
 * the encoded bytes is the order of the names: 0x00 becomes 0x00 0xFF, and 0x00 0x00 ends the name.
 */
import { concatBytes, fromHex } from '../../base/bytes.ts';
import { StoreError } from '../../base/errors.ts';
import { invariant } from '../../base/invariant.ts';

/** First byte of every row key as the shard sees it. */
export const rowAreas: { readonly local: 0; readonly container: 1 } = { local: 0, container: 1 };

export const containerIdBytes = 16;

const terminator = new Uint8Array([0, 0]);
const zero = new Uint8Array([0]);

/** The name with its zeros escaped and no terminator: the common beginning of all names that start with it. */
export function escapeName(name: Uint8Array): Uint8Array {
  let zeros = 0;
  for (const byte of name) if (byte === 0) zeros++;
  if (zeros === 0) return name;
  const escaped = new Uint8Array(name.length + zeros);
  let at = 0;
  for (const byte of name) {
    escaped[at++] = byte;
    if (byte === 0) escaped[at++] = 0xff;
  }
  return escaped;
}

/** The name, escaped and terminated: what stands in a row key. */
export function encodeName(name: Uint8Array): Uint8Array {
  return concatBytes([escapeName(name), terminator]);
}

export interface DecodedName {
  readonly name: Uint8Array;
  /** Where the bytes after the terminator begin. */
  readonly end: number;
}

/** Reads an encoded name that begins at `from`. StoreError `corrupt` when it has no terminator or an impossible escape. */
export function decodeName(bytes: Uint8Array, from: number): DecodedName {
  let zeros = 0;
  let at = from;
  for (;;) {
    at = bytes.indexOf(0, at);
    const next = at < 0 ? undefined : bytes[at + 1];
    if (next === 0) break;
    if (next !== 0xff) throw new StoreError('corrupt', 'rowKey.decode', 'a name does not end');
    zeros++;
    at += 2;
  }
  const escaped = bytes.subarray(from, at);
  return { name: zeros === 0 ? escaped : unescape(escaped, zeros), end: at + 2 };
}

function unescape(escaped: Uint8Array, zeros: number): Uint8Array {
  const name = new Uint8Array(escaped.length - zeros);
  let to = 0;
  for (let from = 0; from < escaped.length; from++) {
    const byte = escaped[from] ?? 0;
    name[to++] = byte;
    if (byte === 0) from++;
  }
  return name;
}

/** The beginning of all rows of one kind (`tag`) in one container: what a listing scans. */
export function containerRegion(containerId: Uint8Array, tag: number): Uint8Array {
  invariant(containerId.length === containerIdBytes, 'a container id has 16 bytes');
  const region = new Uint8Array(2 + containerIdBytes);
  region[0] = rowAreas.container;
  region.set(containerId, 1);
  region[1 + containerIdBytes] = tag;
  return region;
}

/** A whole row key: region, encoded name, suffix (for example an inverted version). */
export function rowKey(region: Uint8Array, name: Uint8Array, suffix: Uint8Array): Uint8Array {
  return concatBytes([region, escapeName(name), terminator, suffix]);
}

/** The smallest key greater than every key that starts with `prefix`; undefined when there is none (all 0xFF, or empty). */
export function prefixEnd(prefix: Uint8Array): Uint8Array | undefined {
  let length = prefix.length;
  while (length > 0 && prefix[length - 1] === 0xff) length--;
  if (length === 0) return undefined;
  // A copy: `slice` of a Buffer would be a view, and the caller's prefix would change.
  const end = new Uint8Array(prefix.subarray(0, length));
  end[length - 1] = (end[length - 1] ?? 0) + 1;
  return end;
}

/** The smallest key greater than `key`. */
export function keyAfter(key: Uint8Array): Uint8Array {
  return concatBytes([key, zero]);
}

/** The 16 bytes by which rows are routed to shards, from their hex form in the cluster map. */
export function routeFromHex(hex: string): Uint8Array {
  if (!/^[0-9a-f]{32}$/.test(hex)) {
    throw new StoreError('invalid-argument', 'rowKey.route', 'a route is 32 lower-case hex digits');
  }
  return fromHex(hex);
}

/** IP addresses and ranges, for conditions on where a request comes from. */

interface Network {
  readonly bits: 32 | 128;
  readonly address: bigint;
}

export interface AddressRange extends Network {
  readonly prefix: number;
  /** Bits of an address beyond the prefix. */
  readonly shift: bigint;
  /** The prefix itself. */
  readonly start: bigint;
}

/** IPv4, or IPv6 with an IPv4 end; `::ffff:1.2.3.4` is the IPv4 address that it carries. undefined: no address. */
export function parseAddress(text: string): Network | undefined {
  const plain = text.replace(/^\[(.*)\]$/, '$1').replace(/%.*$/, '');
  if (!plain.includes(':')) {
    const address = parseFour(plain);
    return address === undefined ? undefined : { bits: 32, address };
  }
  const address = parseSix(plain);
  if (address === undefined) return undefined;
  return address >> 32n === 0xffffn
    ? { bits: 32, address: address & 0xffff_ffffn }
    : { bits: 128, address };
}

function parseFour(text: string): bigint | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return undefined;
  const bytes = match.slice(1).map(Number);
  if (bytes.some((byte) => byte > 255)) return undefined;
  return bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

function parseSix(text: string): bigint | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map(groupsOf);
  if (head === undefined) return undefined;
  const missing = 8 - head.length - (tail?.length ?? 0);
  if (halves.length === 1 ? missing !== 0 : missing < 1 || tail === undefined) return undefined;
  const zeros = Array.from({ length: missing }, () => 0);
  return [...head, ...zeros, ...(tail ?? [])].reduce(
    (sum, group) => (sum << 16n) | BigInt(group),
    0n,
  );
}

function groupsOf(text: string): readonly number[] | undefined {
  if (text === '') return [];
  const groups: number[] = [];
  const pieces = text.split(':');
  for (const [index, piece] of pieces.entries()) {
    const four = index === pieces.length - 1 && piece.includes('.') ? parseFour(piece) : undefined;
    if (four !== undefined) groups.push(Number(four >> 16n), Number(four & 0xffffn));
    else if (/^[0-9a-fA-F]{1,4}$/.test(piece)) groups.push(Number.parseInt(piece, 16));
    else return undefined;
  }
  return groups;
}

/** `10.0.0.0/8`, `2001:db8::/32`, or one address. undefined: neither. */
export function parseRange(text: string): AddressRange | undefined {
  const slash = text.indexOf('/');
  const network = parseAddress(slash < 0 ? text : text.slice(0, slash));
  if (network === undefined) return undefined;
  const length = slash < 0 ? String(network.bits) : text.slice(slash + 1);
  if (!/^\d{1,3}$/.test(length) || Number(length) > network.bits) return undefined;
  const prefix = Number(length);
  const shift = BigInt(network.bits - prefix);
  return { ...network, prefix, shift, start: network.address >> shift };
}

export function isInRange(address: Network, range: AddressRange): boolean {
  return address.bits === range.bits && address.address >> range.shift === range.start;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export const emptyBytes: Uint8Array = new Uint8Array(0);

export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Throws TypeError on bytes that are not UTF-8: callers translate. */
export function fromUtf8(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** Order of raw bytes: what S3, Swift and our index mean by "sorted". */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b);
}

/** Order of two strings by their UTF-8 bytes. JavaScript's `<` orders UTF-16 units, which differs above U+FFFF. */
export function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    let x = a.charCodeAt(i);
    let y = b.charCodeAt(i);
    if (x === y) continue;
    // Surrogates (0xD800-0xDFFF) stand for code points above every other unit: lift them there.
    if (x >= 0xd800 && x <= 0xdfff) x += 0x2000_0;
    if (y >= 0xd800 && y <= 0xdfff) y += 0x2000_0;
    return x - y;
  }
  return a.length - b.length;
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

export function fromHex(hex: string): Uint8Array {
  return Buffer.from(hex, 'hex');
}

export function concatBytes(pieces: readonly Uint8Array[]): Uint8Array {
  const first = pieces[0];
  return pieces.length === 1 && first !== undefined ? first : Buffer.concat(pieces);
}

/**
 * Names of Swift's metadata headers with bytes ≥ 0x80 (`X-Object-Meta-Ü`), which Node's parser refuses in
 * every mode, and which no header that it writes may have. They are mended as request lines are (0008): each
 * such byte is percent-encoded, which is how python-swiftclient reads names, and how they go back. Pure.
 */

const isMetadata = /^x-(?:remove-)?(?:account|container|object)-meta-/i;
const requestLine = /^[A-Z]+ \S+ HTTP\/1\.[01]\r?$/;

/** `packet` begins with a request line. undefined: nothing that we mend; no other header's name is ever changed, so those that frame the request are what the client sent. */
export function repairMetadataNames(packet: Buffer): Buffer | undefined {
  // One character a byte, so that nothing else changes.
  const text = packet.toString('latin1');
  const end = text.indexOf('\r\n\r\n');
  const head = end < 0 ? text : text.slice(0, end);
  const [first = '', ...lines] = head.split('\n');
  if (!requestLine.test(first)) return undefined;
  let isMended = false;
  const mended = lines.map((line) => {
    const colon = line.indexOf(':');
    const name = colon < 0 ? line : line.slice(0, colon);
    if (!isMetadata.test(name) || !/[\x80-\xff]/.test(name)) return line;
    isMended = true;
    return name.replaceAll(/[\x80-\xff]/g, encodeByte) + line.slice(name.length);
  });
  if (!isMended) return undefined;
  return Buffer.from([first, ...mended].join('\n') + text.slice(head.length), 'latin1');
}

function encodeByte(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}

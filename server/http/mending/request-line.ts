/**
 * Request lines that Node's parser refuses before our code could answer: raw bytes ≥ 0x80 in the
 * target, and methods that it does not know. Swift clients send both (swift.md 1.6). Pure: the
 * connection is put back together in connection.ts.
 */
import { METHODS } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '../../../base/clock.ts';

/** Stands for an unknown method while the parser looks at the request: it frames a body as any method does. */
const PLACEHOLDER = 'POST';

const known: ReadonlySet<string> = new Set(METHODS);
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/;

export interface RepairedPacket {
  /** What the parser should have been given: from the start of the request line on. */
  readonly bytes: Buffer;
  /** The method as sent, when the parser does not know it. */
  readonly method: string | undefined;
}

/**
 * `packet` is what the parser was reading, `badAt` the offset of the byte that it refused.
 * undefined: nothing that we mend, or the line began in an earlier packet, so it is not all here.
 */
export function repairRequestLine(packet: Buffer, badAt: number): RepairedPacket | undefined {
  const start = lineStart(packet, badAt);
  const firstSpace = packet.indexOf(0x20, start);
  if (firstSpace < 0) return undefined;
  const method = packet.toString('latin1', start, firstSpace);
  if (!token.test(method)) return undefined;
  const methodIsKnown = known.has(method);
  // A known method that the parser refused is the tail of a method split between two packets.
  if (methodIsKnown && badAt <= firstSpace) return undefined;
  // The parser accepts any line end, so a target ends at a space or at the end of the line.
  let end = firstSpace + 1;
  while (end < packet.length && !isTargetEnd(packet[end])) end += 1;
  const target = encodeHighBytes(packet.subarray(firstSpace + 1, end));
  if (methodIsKnown && target === undefined) return undefined;
  return {
    bytes: Buffer.concat([
      Buffer.from(`${methodIsKnown ? method : PLACEHOLDER} `, 'latin1'),
      target ?? packet.subarray(firstSpace + 1, end),
      packet.subarray(end),
    ]),
    method: methodIsKnown ? undefined : method,
  };
}

export interface GatherBounds {
  readonly maxBytes: number;
  readonly maxMillis: number;
  readonly clock: Clock;
}

/** Calls `finish` in a microtask at the earliest, with the packet and what more it takes to have the whole request line; undefined when that is too much, too late, or never comes. */
export function gatherLine(
  socket: Socket,
  refused: { readonly packet: Buffer; readonly badAt: number },
  bounds: GatherBounds,
  finish: (packet: Buffer | undefined) => void,
): void {
  const start = lineStart(refused.packet, refused.badAt);
  if (refused.packet.includes(0x0a, start)) {
    queueMicrotask(() => finish(refused.packet));
    return;
  }
  let packet = refused.packet;
  const settle = (whole: Buffer | undefined): void => {
    cancel();
    socket.off('data', receive);
    socket.off('close', fail);
    socket.off('error', fail);
    socket.off('end', fail);
    finish(whole);
  };
  const fail = (): void => settle(undefined);
  const receive = (chunk: Buffer): void => {
    packet = Buffer.concat([packet, chunk]);
    if (chunk.includes(0x0a)) settle(packet);
    else if (packet.length - start > bounds.maxBytes) fail();
  };
  const cancel = bounds.clock.after(bounds.maxMillis, fail);
  socket.on('data', receive);
  socket.on('close', fail);
  socket.on('error', fail);
  socket.on('end', fail);
}

/** Offset of the line that holds the byte at `badAt`. */
function lineStart(packet: Buffer, badAt: number): number {
  // A negative offset would count from the end.
  return badAt <= 0 ? 0 : packet.lastIndexOf(0x0a, badAt - 1) + 1;
}

function isTargetEnd(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0d || byte === 0x0a;
}

/** undefined when there are none. */
function encodeHighBytes(target: Buffer): Buffer | undefined {
  if (!target.some((byte) => byte >= 0x80)) return undefined;
  const text = target.toString('latin1').replace(/[\x80-\xff]/g, (character) => {
    return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
  });
  return Buffer.from(text, 'latin1');
}

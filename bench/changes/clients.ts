/** Clients that read and write large objects for as long as something else happens. */
import { Agent } from 'node:http';
import { putRequest, container } from '../cases.ts';
import { runLoad, send } from '../load.ts';
import { sha256Hex, sign, type Target } from '../sign.ts';

const objectBytes: number = 8 * 2 ** 20;
const emptyHash = sha256Hex(new Uint8Array(0));

export async function makeContainer(target: Target): Promise<void> {
  const agent = new Agent();
  const path = `/${container}`;
  const { status } = await send(
    target,
    agent,
    sign(target, { method: 'PUT', path, payloadHash: emptyHash }),
  );
  agent.destroy();
  if (status >= 300) throw new Error(`the container was not made: ${status}`);
}

/** Writes at least so many bytes of objects; resolves with how many objects, and bytes a second. */
export async function fill(
  target: Target,
  bytes: number,
): Promise<{ objects: number; bytesPerSecond: number }> {
  const objects = Math.ceil(bytes / objectBytes);
  let made = 0;
  const { errors, seconds } = await runLoad({
    ...{ target, connections: 4, seconds: 7200 },
    next: () => {
      if (made === objects) return undefined;
      return putRequest(target, `kept/${made++}`, objectBytes);
    },
  });
  if (errors > 0) throw new Error(`${errors} of ${objects} objects were not written`);
  return { objects, bytesPerSecond: (objects * objectBytes) / seconds };
}

export interface Throughput {
  readonly readBytesPerSecond: number;
  readonly writtenBytesPerSecond: number;
  readonly errors: number;
  readonly seconds: number;
}

/** Two clients read what was filled and two write over a few objects, until `isOver` says so. */
export async function readAndWrite(
  target: Target,
  objects: number,
  isOver: () => boolean,
): Promise<Throughput> {
  let turn = 0;
  const [reading, writing] = await Promise.all([
    runLoad({
      ...{ target, connections: 2, seconds: 7200 },
      next: () => {
        if (isOver()) return undefined;
        // A stride that meets each object before any comes again, and that no read-ahead guesses.
        const path = `/${container}/kept/${(turn++ * 7919) % objects}`;
        return sign(target, { method: 'GET', path, payloadHash: emptyHash });
      },
    }),
    runLoad({
      ...{ target, connections: 2, seconds: 7200 },
      next: () => {
        if (isOver()) return undefined;
        return putRequest(target, `over/${turn++ % 16}`, objectBytes);
      },
    }),
  ]);
  return {
    readBytesPerSecond: reading.bytes / reading.seconds,
    writtenBytesPerSecond: writing.bytes / writing.seconds,
    errors: reading.errors + writing.errors,
    seconds: Math.max(reading.seconds, writing.seconds),
  };
}

export function sleep(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}

/** Commands whose bodies go through their standard streams, so that only the server stores them. */
import { spawn } from 'node:child_process';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

export type Chunks = AsyncIterable<Uint8Array>;

/** A client that writes the object from a stream, and one that reads it as a stream. */
export interface StreamingClient {
  put(body: () => Iterable<Buffer>): Promise<void>;
  get(): Promise<Chunks>;
}

interface Piped {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly ended: Promise<void>;
}

export function start(
  command: string,
  args: readonly string[],
  env: Record<string, string>,
): Piped {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(command, args, { env: { PATH, HOME, PYTHONWARNINGS: 'ignore', ...env } });
  let printed = '';
  child.stderr.on('data', (chunk: Buffer) => {
    printed += chunk.toString('utf8');
  });
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${command} ended with ${code}: ${printed}`));
    });
  });
  return { stdin: child.stdin, stdout: child.stdout, ended };
}

/** What a command prints; fails when the command does. */
export async function* outputOf(piped: Piped): AsyncGenerator<Uint8Array> {
  yield* piped.stdout as Chunks;
  await piped.ended;
}

/** A client that is a command: the body goes through its standard streams. */
export function commandClient(
  command: string,
  args: { readonly put: readonly string[]; readonly get: readonly string[] },
  env: Record<string, string>,
): StreamingClient {
  return {
    put: async (body) => {
      const piped = start(command, args.put, env);
      await Promise.all([piped.ended, pipeline(Readable.from(body()), piped.stdin)]);
    },
    get: () => Promise.resolve(outputOf(start(command, args.get, env))),
  };
}

/** Our own closed-loop client: `connections` requests at a time over kept-alive sockets. */
import { Agent, request as httpRequest } from 'node:http';
import { readFileSync } from 'node:fs';
import type { CaseRequest } from './cases.ts';
import type { SignedRequest, Target } from './sign.ts';

export interface LoadResult {
  readonly operations: number;
  readonly errors: number;
  readonly seconds: number;
  readonly bytes: number;
  readonly millis: Float64Array;
}

export interface LoadOptions {
  readonly target: Target;
  readonly connections: number;
  readonly seconds: number;
  /** The next request, or undefined when there are no more. */
  readonly next: () => CaseRequest | undefined;
}

export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: options.connections });
  const millis: number[] = [];
  let errors = 0;
  let bytes = 0;
  const started = performance.now();
  const deadline = started + options.seconds * 1000;
  const worker = async (): Promise<void> => {
    while (performance.now() < deadline) {
      const request = options.next();
      if (request === undefined) return;
      const begun = performance.now();
      const outcome = await send(options.target, agent, request, request.body);
      millis.push(performance.now() - begun);
      bytes += outcome.bytes + (request.body?.length ?? 0);
      if (outcome.status >= 400) errors++;
    }
  };
  await Promise.all(Array.from({ length: options.connections }, worker));
  const seconds = (performance.now() - started) / 1000;
  agent.destroy();
  const sorted = Float64Array.from(millis).sort();
  return { operations: sorted.length, errors, seconds, bytes, millis: sorted };
}

/** Large bodies go out in 256 KiB pieces with backpressure. */
const PIECE_BYTES = 256 * 1024;

export function send(
  target: Target,
  agent: Agent,
  signed: SignedRequest,
  body?: Uint8Array,
): Promise<{ status: number; bytes: number; text?: string }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      {
        agent,
        host: target.url.hostname,
        port: target.url.port,
        method: signed.method,
        path: signed.path,
        headers: signed.headers,
      },
      (response) => {
        let bytes = 0;
        let text = '';
        const failed = (response.statusCode ?? 500) >= 400;
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (failed) text += chunk.toString('latin1');
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, bytes, text }));
        response.on('error', reject);
      },
    );
    request.on('error', reject);
    if (body === undefined || body.length <= PIECE_BYTES) {
      request.end(body);
      return;
    }
    let offset = 0;
    const more = (): void => {
      while (offset < body.length) {
        const piece = body.subarray(offset, offset + PIECE_BYTES);
        offset += piece.length;
        if (!request.write(piece)) {
          request.once('drain', more);
          return;
        }
      }
      request.end();
    };
    more();
  });
}

export function quantile(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

/** CPU microseconds (user + system) that a process has used so far; Linux only, NaN elsewhere. */
export function cpuMicrosOf(pid: number | undefined): number {
  if (pid === undefined) return Number.NaN;
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    const ticks = Number(fields[11]) + Number(fields[12]);
    return ticks * 10_000;
  } catch {
    return Number.NaN;
  }
}

/** Takes bytes in: digests computed in one pass, small bodies kept for the row, large ones stored as they come. */
import { createHash } from 'node:crypto';
import { concatBytes } from '../../../base/bytes.ts';
import { StoreError } from '../../../base/errors.ts';
import type { IncomingBody, RequestContext } from '../api.ts';
import { createDigester, type Digester } from '../digest/checksum.ts';
import type { BodyRef, Checksum, ChecksumAlgorithm } from '../model.ts';
import type { BodyTarget } from '../ports.ts';
import type { Services } from '../services.ts';

export interface Ingested {
  readonly body: BodyRef;
  readonly inline: Uint8Array | undefined;
  readonly size: number;
  /** Hex MD5. */
  readonly md5: string;
  readonly checksums: readonly Checksum[];
}

class Digests {
  readonly #md5 = createHash('md5');
  readonly #others: readonly {
    readonly algorithm: ChecksumAlgorithm;
    readonly digester: Digester;
  }[];
  size = 0;

  constructor(algorithms: readonly ChecksumAlgorithm[]) {
    this.#others = [...new Set(algorithms)].map((algorithm) => ({
      algorithm,
      digester: createDigester(algorithm),
    }));
  }

  update(chunk: Uint8Array): void {
    this.size += chunk.length;
    this.#md5.update(chunk);
    for (const { digester } of this.#others) digester.update(chunk);
  }

  finish(): { md5: string; checksums: Checksum[] } {
    const checksums = this.#others.map(({ algorithm, digester }): Checksum => {
      const value = Buffer.from(digester.digest()).toString('base64');
      return { algorithm, type: 'full-object', value };
    });
    return { md5: this.#md5.digest('hex'), checksums };
  }
}

function tooLarge(limit: number): StoreError {
  return new StoreError('too-large', 'body.ingest', 'the body is larger than one upload may be', {
    detail: { limit },
  });
}

/**
 * Consumes the body to its end. When it throws, nothing is stored (but orphans). Errors:
 * `incomplete-body`, `digest-mismatch`, `too-large`, what the body and the store throw.
 */
export async function ingestBody(
  services: Services,
  ctx: RequestContext,
  input: { readonly body: IncomingBody; readonly target: BodyTarget },
): Promise<Ingested> {
  const { body, target } = input;
  const { limits, bodies } = services;
  if (body.size !== undefined && body.size > limits.maxBodyBytes)
    throw tooLarge(limits.maxBodyBytes);
  const digests = new Digests(body.checksums ?? []);
  const source = checked(services, ctx, { body, digests });
  const head: Uint8Array[] = [];
  let headBytes = 0;
  const iterator = source;
  try {
    for (;;) {
      const step = await iterator.next();
      if (step.done === true) break;
      head.push(step.value);
      headBytes += step.value.length;
      if (headBytes > limits.inlineBytes) {
        // The rest is checked inside the stream, so a mismatch fails the write itself.
        const stored = await bodies.write(target, rejoin(head, iterator));
        const finished = digests.finish();
        const result: Ingested = {
          body: { type: 'stored', stored },
          inline: undefined,
          size: digests.size,
          ...finished,
        };
        try {
          verify(body, finished);
        } catch (error) {
          bodies.discard(stored);
          throw error;
        }
        return result;
      }
    }
  } catch (error) {
    await iterator.return(undefined);
    throw error;
  }
  const finished = digests.finish();
  verify(body, finished);
  const inline = headBytes === 0 ? undefined : concatBytes(head);
  const ref: BodyRef = inline === undefined ? { type: 'empty' } : { type: 'inline' };
  return { body: ref, inline, size: headBytes, ...finished };
}

async function* rejoin(
  head: readonly Uint8Array[],
  rest: AsyncGenerator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    yield* head;
    for (;;) {
      const step = await rest.next();
      if (step.done === true) return;
      yield step.value;
    }
  } finally {
    await rest.return(undefined);
  }
}

/** Passes chunks on while counting and digesting them. */
async function* checked(
  services: Services,
  ctx: RequestContext,
  input: { readonly body: IncomingBody; readonly digests: Digests },
): AsyncGenerator<Uint8Array> {
  const { body, digests } = input;
  const { maxBodyBytes } = services.limits;
  for await (const chunk of body.chunks) {
    if (ctx.signal?.aborted === true) {
      throw new StoreError('cancelled', 'body.ingest', 'the client went away');
    }
    digests.update(chunk);
    if (digests.size > maxBodyBytes) throw tooLarge(maxBodyBytes);
    yield chunk;
  }
  if (body.size !== undefined && body.size !== digests.size) {
    throw new StoreError('incomplete-body', 'body.ingest', 'the body is not as long as declared', {
      detail: { declared: body.size, received: digests.size },
    });
  }
}

function verify(
  body: IncomingBody,
  found: { readonly md5: string; readonly checksums: readonly Checksum[] },
): void {
  if (body.md5 !== undefined && body.md5.toLowerCase() !== found.md5) {
    throw new StoreError('digest-mismatch', 'body.ingest', 'the bytes have another MD5', {
      detail: { algorithm: 'md5' },
    });
  }
  for (const { algorithm, value } of body.expected?.() ?? []) {
    const computed = found.checksums.find((one) => one.algorithm === algorithm);
    if (computed?.value === value) continue;
    throw new StoreError('digest-mismatch', 'body.ingest', 'the bytes have another checksum', {
      detail: { algorithm },
    });
  }
}

/** Takes bytes in: digests computed in one pass, small bodies kept for the row, large ones stored as they come. */
import { concatBytes } from '../../../base/bytes.ts';
import { StoreError } from '../../../base/errors.ts';
import { invariant } from '../../../base/invariant.ts';
import type { IncomingBody, RequestContext } from '../api.ts';
import { createDigester, type Digester } from '../digest/checksum.ts';
import { createMd5, type Md5 } from '../digest/md5.ts';
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

interface Finished {
  readonly md5: string;
  readonly checksums: readonly Checksum[];
}

class Digests {
  readonly #md5: Md5;
  readonly #others: readonly {
    readonly algorithm: ChecksumAlgorithm;
    readonly digester: Digester;
  }[];
  size = 0;

  constructor(algorithms: readonly ChecksumAlgorithm[], declaredSize: number | undefined) {
    this.#md5 = createMd5(declaredSize);
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

  /** Once, after the last byte. */
  finish(): Finished {
    const checksums = this.#others.map(({ algorithm, digester }): Checksum => {
      const value = Buffer.from(digester.digest()).toString('base64');
      return { algorithm, type: 'full-object', value };
    });
    return { md5: this.#md5.hex(), checksums };
  }

  /** Once in every case, `finish` or not. */
  drop(): void {
    this.#md5.drop();
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
 * Holds at most `limits.inlineBytes` and a chunk.
 */
export async function ingestBody(
  services: Services,
  ctx: RequestContext,
  input: { readonly body: IncomingBody; readonly target: BodyTarget },
): Promise<Ingested> {
  const { body, target } = input;
  const { limits, bodies } = services;
  if (body.size !== undefined && body.size > limits.maxBodyBytes) {
    throw tooLarge(limits.maxBodyBytes);
  }
  const source = new CheckedBody(ctx, body, limits.maxBodyBytes);
  const chunks = source.chunks();
  const head: Uint8Array[] = [];
  let headBytes = 0;
  try {
    for (let step = await chunks.next(); step.done !== true; step = await chunks.next()) {
      head.push(step.value);
      headBytes += step.value.length;
      if (headBytes <= limits.inlineBytes) continue;
      const stored = await bodies.write(target, rejoin(head, chunks));
      const { size } = source;
      return { body: { type: 'stored', stored }, inline: undefined, size, ...source.finished() };
    }
  } finally {
    // Also where the store gave up before the end: the door learns that nobody reads on.
    await chunks.return(undefined);
    source.drop();
  }
  const inline = headBytes === 0 ? undefined : concatBytes(head);
  const ref: BodyRef = inline === undefined ? { type: 'empty' } : { type: 'inline' };
  return { body: ref, inline, size: headBytes, ...source.finished() };
}

async function* rejoin(
  head: readonly Uint8Array[],
  rest: AsyncGenerator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield* head;
  yield* rest;
}

/** A body that is digested as it passes and fails at its end, so before it can be synced, when it is not what the client said. */
class CheckedBody {
  readonly #ctx: RequestContext;
  readonly #body: IncomingBody;
  readonly #maxBytes: number;
  readonly #digests: Digests;
  #finished: Finished | undefined;

  constructor(ctx: RequestContext, body: IncomingBody, maxBytes: number) {
    this.#ctx = ctx;
    this.#body = body;
    this.#maxBytes = maxBytes;
    this.#digests = new Digests(body.checksums ?? [], body.size);
  }

  /** Bytes so far. */
  get size(): number {
    return this.#digests.size;
  }

  finished(): Finished {
    invariant(this.#finished !== undefined, 'a body that was taken in was read to its end');
    return this.#finished;
  }

  /** To be called once, when nothing reads `chunks` any more. */
  drop(): void {
    this.#digests.drop();
  }

  async *chunks(): AsyncGenerator<Uint8Array> {
    const { size: declared } = this.#body;
    for await (const chunk of this.#body.chunks) {
      if (this.#ctx.signal?.aborted === true) {
        throw new StoreError('cancelled', 'body.ingest', 'the client went away');
      }
      this.#digests.update(chunk);
      if (this.size > this.#maxBytes) throw tooLarge(this.#maxBytes);
      if (declared !== undefined && this.size > declared) throw this.#wrongLength();
      yield chunk;
    }
    if (declared !== undefined && declared !== this.size) throw this.#wrongLength();
    const finished = this.#digests.finish();
    verify(this.#body, finished);
    this.#finished = finished;
  }

  #wrongLength(): StoreError {
    return new StoreError('incomplete-body', 'body.ingest', 'the body is not as long as declared', {
      detail: { declared: this.#body.size ?? -1, received: this.size },
    });
  }
}

function verify(body: IncomingBody, found: Finished): void {
  if (body.md5 !== undefined && body.md5.toLowerCase() !== found.md5) {
    throw new StoreError('digest-mismatch', 'body.ingest', 'the bytes have another MD5', {
      detail: { algorithm: 'md5' },
    });
  }
  for (const { algorithm, value } of body.expected?.() ?? []) {
    const computed = found.checksums.find((one) => one.algorithm === algorithm);
    if (computed?.value === value) continue;
    throw new StoreError('digest-mismatch', 'body.ingest', 'the bytes have another checksum', {
      detail: { algorithm, isChecksum: true },
    });
  }
}

/** Takes bytes in: digests computed in one pass, small bodies kept for the row, large ones stored as they come. */
import type { KeyObject } from 'node:crypto';
import { concatBytes } from '../../../base/bytes.ts';
import { StoreError } from '../../../base/errors.ts';
import { invariant } from '../../../base/invariant.ts';
import type { IncomingBody, RequestContext } from '../api.ts';
import { createDigester, type Digester } from '../digest/checksum.ts';
import { createMd5, type Md5 } from '../digest/md5.ts';
import type { ObjectKey } from '../encryption/object-key.ts';
import { sealBody, sealSmall } from '../encryption/sealed-body.ts';
import { bodyKeyOf, hiddenEtag, saltBytes } from '../encryption/wrapped-key.ts';
import type { BodyRef, Checksum, ChecksumAlgorithm } from '../model.ts';
import type { BodyTarget } from '../ports.ts';
import type { Services } from '../services.ts';

export interface Ingested {
  readonly body: BodyRef;
  readonly inline: Uint8Array | undefined;
  /** Plain bytes. */
  readonly size: number;
  /** Hex MD5, unless the key hides it. */
  readonly etag: string;
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
 * Holds at most `limits.inlineBytes` and a chunk. With an `objectKey` what is kept is sealed under
 * it, and what is digested is plain.
 */
export async function ingestBody(
  services: Services,
  ctx: RequestContext,
  input: {
    readonly body: IncomingBody;
    readonly target: BodyTarget;
    readonly objectKey?: ObjectKey | undefined;
  },
): Promise<Ingested> {
  const { body, target, objectKey } = input;
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
      const seal = newSeal(services, objectKey);
      const plain = rejoin(head, chunks);
      const stored = await bodies.write(
        target,
        seal === undefined ? plain : sealBody(seal.key, plain),
      );
      const ref: BodyRef = { type: 'stored', stored, ...seal?.mark };
      return { body: ref, inline: undefined, size: source.size, ...source.told(objectKey) };
    }
  } finally {
    // Also where the store gave up before the end: the door learns that nobody reads on.
    await chunks.return(undefined);
    source.drop();
  }
  const told = source.told(objectKey);
  if (headBytes === 0) return { body: { type: 'empty' }, inline: undefined, size: 0, ...told };
  const seal = newSeal(services, objectKey);
  const plain = concatBytes(head);
  const inline = seal === undefined ? plain : sealSmall(seal.key, plain);
  return { body: { type: 'inline', ...seal?.mark }, inline, size: headBytes, ...told };
}

/** A key for one body, and what its reference must say to find it again. */
function newSeal(
  services: Services,
  objectKey: ObjectKey | undefined,
): { readonly key: KeyObject; readonly mark: { readonly salt: string } } | undefined {
  if (objectKey === undefined) return undefined;
  const salt = services.random.bytes(saltBytes);
  const mark = { salt: Buffer.from(salt).toString('base64') };
  return { key: bodyKeyOf(objectKey.secret, salt), mark };
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

  /** What rows say of the bytes. */
  told(objectKey: ObjectKey | undefined): Pick<Ingested, 'etag' | 'checksums'> {
    invariant(this.#finished !== undefined, 'a body that was taken in was read to its end');
    const { md5, checksums } = this.#finished;
    const etag = objectKey?.hidesMd5 === true ? hiddenEtag(objectKey.secret, md5) : md5;
    return { etag, checksums };
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

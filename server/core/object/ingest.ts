/** Takes bytes in: digests computed in one pass, small bodies kept for the row, large ones stored as they come. */
import type { KeyObject } from 'node:crypto';
import { concatBytes } from '../../../base/bytes.ts';
import { StoreError } from '../../../base/errors.ts';
import { receivedMemory } from '../../../base/memory/received-memory.ts';
import { invariant } from '../../../base/invariant.ts';
import type { IncomingBody } from '../api.ts';
import type { RequestContext } from '../request.ts';
import type { BodyDigests } from '../digest/hasher.ts';
import type { ObjectKey } from '../encryption/object-key.ts';
import { sealBody, sealSmall } from '../encryption/sealed-body.ts';
import { bodyKeyOf, hiddenEtag, saltBytes } from '../encryption/wrapped-key.ts';
import type { BodyRef, Checksum, ChecksumAlgorithm } from '../model.ts';
import type { BodyTarget } from '../ports.ts';
import { quotaExceeded } from '../quota/quota.ts';
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
    /** Bytes that quotas leave; undefined: as many as any body may have. */
    readonly room?: number | undefined;
  },
): Promise<Ingested> {
  const { body, target, objectKey, room } = input;
  const { limits, bodies } = services;
  const check = (size: number): void => {
    if (size > limits.maxBodyBytes) throw tooLarge(limits.maxBodyBytes);
    if (room !== undefined && size > room) throw quotaExceeded('body.ingest', { quota: 'bytes' });
  };
  check(body.size ?? 0);
  const source = new CheckedBody(services, ctx, { body, check });
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
  /** Throws when there are too many bytes. */
  readonly #check: (size: number) => void;
  /** Stored with the object. */
  readonly #algorithms: readonly ChecksumAlgorithm[];
  readonly #digests: BodyDigests;
  #size = 0;
  #finished: Finished | undefined;

  constructor(
    services: Services,
    ctx: RequestContext,
    { body, check }: { readonly body: IncomingBody; readonly check: (size: number) => void },
  ) {
    this.#ctx = ctx;
    this.#body = body;
    this.#check = check;
    this.#algorithms = [...new Set(body.checksums ?? [])];
    const signed: readonly ChecksumAlgorithm[] = body.sha256 === undefined ? [] : ['sha256'];
    this.#digests = services.hasher.start(['md5', ...signed, ...this.#algorithms], body.size);
  }

  /** Bytes so far. */
  get size(): number {
    return this.#size;
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
      this.#size += chunk.length;
      this.#check(this.#size);
      if (declared !== undefined && this.#size > declared) throw this.#wrongLength();
      const room = this.#digests.update(chunk);
      if (room !== undefined) await room;
      if (this.#digests.keeps) receivedMemory.keep(chunk);
      yield chunk;
    }
    if (declared !== undefined && declared !== this.#size) throw this.#wrongLength();
    const found = await this.#digests.finish();
    verify(this.#body, found);
    const checksums = this.#algorithms.map((algorithm): Checksum => {
      return { algorithm, type: 'full-object', value: textOf(found, algorithm, 'base64') };
    });
    this.#finished = { md5: textOf(found, 'md5', 'hex'), checksums };
  }

  #wrongLength(): StoreError {
    return new StoreError('incomplete-body', 'body.ingest', 'the body is not as long as declared', {
      detail: { declared: this.#body.size ?? -1, received: this.#size },
    });
  }
}

type Digests = ReadonlyMap<ChecksumAlgorithm, Uint8Array>;

function textOf(found: Digests, algorithm: ChecksumAlgorithm, encoding: 'hex' | 'base64'): string {
  const digest = found.get(algorithm);
  invariant(digest !== undefined, 'every digest that was asked for is found');
  return Buffer.from(digest).toString(encoding);
}

function verify(body: IncomingBody, found: Digests): void {
  if (body.sha256 !== undefined) {
    const computed = textOf(found, 'sha256', 'hex');
    if (computed !== body.sha256) {
      throw new StoreError('digest-mismatch', 'body.ingest', 'the bytes have another SHA-256', {
        detail: { stated: body.sha256, computed, isPayload: true },
      });
    }
  }
  if (body.md5 !== undefined) {
    const stated = body.md5.toLowerCase();
    const computed = textOf(found, 'md5', 'hex');
    if (computed !== stated) {
      throw new StoreError('digest-mismatch', 'body.ingest', 'the bytes have another MD5', {
        detail: { algorithm: 'md5', stated, computed },
      });
    }
  }
  for (const { algorithm, value } of body.expected?.() ?? []) {
    if (found.has(algorithm) && textOf(found, algorithm, 'base64') === value) continue;
    throw new StoreError('digest-mismatch', 'body.ingest', 'the bytes have another checksum', {
      detail: { algorithm, isChecksum: true },
    });
  }
}

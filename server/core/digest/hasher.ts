/** Digests of bodies as a port: they are most of what a large upload costs, so they may run beside the event loop. */
import { createHash } from 'node:crypto';
import type { ChecksumAlgorithm } from '../model.ts';
import { createDigester, type Digester } from './checksum.ts';
import { createMd5, type Md5 } from './md5.ts';

/** Digests of one body under way. */
export interface BodyDigests {
  /**
   * Takes the next bytes; nobody may change them before `finish` or `drop`. Where it returns a promise, no
   * more may be given before that resolves: this is its back-pressure.
   */
  update(bytes: Uint8Array): Promise<void> | undefined;
  /** The raw digests, CRCs and xxHash big-endian. Ends the computation. */
  finish(): Promise<ReadonlyMap<ChecksumAlgorithm, Uint8Array>>;
  /** Whether bytes may still be read after `update` has taken them in. */
  readonly keeps: boolean;
  /** To be called once in every case, also after `finish`. */
  drop(): void;
}

/** SHA-256 of a stream's pieces, one after the other: what the signatures of chunks are made of. */
export interface PieceDigests {
  /** As `BodyDigests.update`, but for bytes that may change again when it has taken them in. */
  update(bytes: Uint8Array): Promise<void> | undefined;
  /** The piece ends here; resolves with its digest, at the latest after `flush`. */
  cut(): Promise<Uint8Array>;
  /** No more pieces come. */
  flush(): void;
  /** To be called once in every case. Promises of `cut` that are open may stay so. */
  drop(): void;
}

export interface Hasher {
  /** `size` as declared, if it was. */
  start(algorithms: readonly ChecksumAlgorithm[], size: number | undefined): BodyDigests;
  /** `size` of all pieces together. */
  startPieces(size: number | undefined): PieceDigests;
}

class LocalDigests implements BodyDigests {
  readonly #md5: Md5 | undefined;
  readonly #others: readonly (readonly [ChecksumAlgorithm, Digester])[];

  constructor(
    algorithms: readonly ChecksumAlgorithm[],
    size: number | undefined,
    patience?: number,
  ) {
    const wanted = new Set(algorithms);
    this.#md5 = wanted.delete('md5') ? createMd5(size, patience) : undefined;
    this.#others = [...wanted].map((algorithm) => [algorithm, createDigester(algorithm)]);
  }

  get keeps(): boolean {
    return this.pending > 0;
  }

  /** Bytes that are kept because they are not hashed yet. */
  get pending(): number {
    return this.#md5?.pending ?? 0;
  }

  update(bytes: Uint8Array): undefined {
    this.#md5?.update(bytes);
    for (const [, digester] of this.#others) digester.update(bytes);
  }

  digests(): ReadonlyMap<ChecksumAlgorithm, Uint8Array> {
    const found = new Map<ChecksumAlgorithm, Uint8Array>();
    if (this.#md5 !== undefined) found.set('md5', this.#md5.digest());
    for (const [algorithm, digester] of this.#others) found.set(algorithm, digester.digest());
    return found;
  }

  finish(): Promise<ReadonlyMap<ChecksumAlgorithm, Uint8Array>> {
    return Promise.resolve(this.digests());
  }

  drop(): void {
    this.#md5?.drop();
  }
}

export type { LocalDigests };

/** On the calling thread. `patience`: of its MD5 (`createMd5`). */
export function startLocalDigests(
  algorithms: readonly ChecksumAlgorithm[],
  size: number | undefined,
  patience?: number,
): LocalDigests {
  return new LocalDigests(algorithms, size, patience);
}

class LocalPieces implements PieceDigests {
  #hash = createHash('sha256');

  update(bytes: Uint8Array): undefined {
    this.#hash.update(bytes);
  }

  cut(): Promise<Uint8Array> {
    const digest = this.#hash.digest();
    this.#hash = createHash('sha256');
    return Promise.resolve(digest);
  }

  flush(): void {
    // Every piece was hashed at once.
  }

  drop(): void {
    // The hash goes with its owner.
  }
}

/** Hashes where it is called. */
export const localHasher: Hasher = {
  start: (algorithms, size) => startLocalDigests(algorithms, size),
  startPieces: () => new LocalPieces(),
};

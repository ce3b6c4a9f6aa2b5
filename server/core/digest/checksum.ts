import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { crc32c } from '@node-rs/crc32';
import { type IHasher, createXXHash3, createXXHash128 } from 'hash-wasm';
import xxhash, { type XXHash } from 'xxhash-wasm';
import type { ChecksumAlgorithm } from '../model.ts';
import { Crc64Nvme } from './crc64nvme.ts';

// Loaded once, before anything can be hashed.
const loaded = await xxhash();
const xxhash3 = await createXXHash3();
const xxhash128 = await createXXHash128();

/** A checksum under way. */
export interface Digester {
  update(bytes: Uint8Array): void;
  /** The raw digest, CRCs and xxHash big-endian. Ends the computation. */
  digest(): Uint8Array;
}

type Crc32 = (bytes: Uint8Array, previous: number) => number;

class Crc32Digester implements Digester {
  readonly #crc: Crc32;
  #value = 0;

  constructor(crc: Crc32) {
    this.#crc = crc;
  }

  update(bytes: Uint8Array): void {
    this.#value = this.#crc(bytes, this.#value);
  }

  digest(): Uint8Array {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(this.#value >>> 0);
    return bytes;
  }
}

class XxHash64 implements Digester {
  readonly #hash: XXHash<bigint> = loaded.create64();

  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  digest(): Uint8Array {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(this.#hash.digest());
    return bytes;
  }
}

/** XXH3, of 64 or 128 bits. All share one module; each keeps its state (580 bytes) beside it. */
class XxHash3 implements Digester {
  readonly #hasher: IHasher;
  #state: Uint8Array;

  constructor(hasher: IHasher) {
    this.#hasher = hasher;
    this.#state = hasher.init().save();
  }

  update(bytes: Uint8Array): void {
    this.#state = this.#hasher.load(this.#state).update(bytes).save();
  }

  digest(): Uint8Array {
    return this.#hasher.load(this.#state).digest('binary');
  }
}

const makers: Readonly<Record<ChecksumAlgorithm, () => Digester>> = {
  crc32: () => new Crc32Digester(crc32),
  crc32c: () => new Crc32Digester((bytes, previous) => crc32c(asBuffer(bytes), previous)),
  crc64nvme: () => new Crc64Nvme(),
  sha1: () => createHash('sha1'),
  sha256: () => createHash('sha256'),
  sha512: () => createHash('sha512'),
  md5: () => createHash('md5'),
  xxhash64: () => new XxHash64(),
  xxhash3: () => new XxHash3(xxhash3),
  xxhash128: () => new XxHash3(xxhash128),
};

export function createDigester(algorithm: ChecksumAlgorithm): Digester {
  return makers[algorithm]();
}

export function digestOf(algorithm: ChecksumAlgorithm, bytes: Uint8Array): Uint8Array {
  const digester = createDigester(algorithm);
  digester.update(bytes);
  return digester.digest();
}

/** The native module takes Buffers only. No copy. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

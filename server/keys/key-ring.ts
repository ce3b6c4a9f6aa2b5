/** The store's own keys, in a file of the data folder. */
import type { KeyObject } from 'node:crypto';
import { z } from 'zod';
import { toHex } from '../../base/bytes.ts';
import type { Clock } from '../../base/clock.ts';
import type { Disk } from '../../base/disk.ts';
import { StoreError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import type { KeyRing, WrappedSecret } from '../core/encryption/key-ports.ts';
import { keyBytes, keyOf, unwrapKey, wrapKey } from '../core/encryption/wrapped-key.ts';
import { decodeKeyFile, secretBytes, secretText, writeKeyFile } from './key-file.ts';

export const keyRingPath = 'keys/ring.json';

const schema = z.strictObject({
  format: z.literal(1),
  id: z.string().regex(/^[0-9a-f]{32}$/),
  active: z.string(),
  keys: z
    .array(
      z.strictObject({
        id: z.string().regex(/^[0-9a-f]{16}$/),
        createdAt: z.number(),
        secret: secretText,
      }),
    )
    .min(1),
});
type RingFile = z.infer<typeof schema>;

export interface KeyRingParts {
  /** The data folder. */
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export class FileKeyRing implements KeyRing {
  readonly #parts: KeyRingParts;
  #file: RingFile;
  readonly #keys: Map<string, KeyObject> = new Map();
  #rotating: Promise<unknown> = Promise.resolve();

  private constructor(parts: KeyRingParts, file: RingFile) {
    this.#parts = parts;
    this.#file = file;
    this.#index();
  }

  /** undefined when there is no file; `corrupt` when it is damaged. */
  static async open(parts: KeyRingParts): Promise<FileKeyRing | undefined> {
    const bytes = await parts.disk.readAll(keyRingPath);
    if (bytes === undefined) return undefined;
    const file = decodeKeyFile(schema, keyRingPath, bytes);
    if (!file.keys.some(({ id }) => id === file.active)) {
      throw new StoreError('corrupt', 'keys.open', `${keyRingPath} lacks its active key`);
    }
    return new FileKeyRing(parts, file);
  }

  /** Makes the file, with one key. Throws `conflict` when there is one. */
  static async create(parts: KeyRingParts): Promise<FileKeyRing> {
    if ((await parts.disk.readAll(keyRingPath)) !== undefined) {
      throw new StoreError('conflict', 'keys.create', `${keyRingPath} is there already`);
    }
    const key = newKey(parts);
    const id = toHex(parts.random.bytes(16));
    const file: RingFile = { format: 1, id, active: key.id, keys: [key] };
    await writeKeyFile(parts.disk, keyRingPath, file);
    return new FileKeyRing(parts, file);
  }

  /** Names the ring, so that another store's is noticed. */
  get id(): string {
    return this.#file.id;
  }

  /** Oldest first; no secrets. */
  list(): readonly { readonly id: string; readonly createdAt: number; readonly active: boolean }[] {
    return this.#file.keys.map(({ id, createdAt }) => ({
      ...{ id, createdAt },
      active: id === this.#file.active,
    }));
  }

  /** New objects get a new key; older ones stay, to read what they wrapped. Returns the new key's id. */
  async rotate(): Promise<string> {
    const turn = this.#rotating.then(async () => {
      const key = newKey(this.#parts);
      const file = { ...this.#file, active: key.id, keys: [...this.#file.keys, key] };
      await writeKeyFile(this.#parts.disk, keyRingPath, file);
      this.#file = file;
      this.#index();
      return key.id;
    });
    this.#rotating = turn.catch(() => undefined);
    return turn;
  }

  wrap(secret: Uint8Array, binding: Uint8Array): Promise<WrappedSecret> {
    const keyId = this.#file.active;
    const { random } = this.#parts;
    const wrapped = wrapKey(this.#key(keyId), secret, { binding, random });
    return Promise.resolve({ keyId, wrapped });
  }

  async unwrap({ keyId, wrapped }: WrappedSecret, binding: Uint8Array): Promise<Uint8Array> {
    // A promise also for the refusal.
    await Promise.resolve();
    const secret = unwrapKey(this.#key(keyId), wrapped, binding);
    if (secret !== undefined) return secret;
    throw new StoreError('corrupt', 'keys.unwrap', 'a wrapped key is not what was wrapped');
  }

  #index(): void {
    for (const { id, secret } of this.#file.keys) this.#keys.set(id, keyOf(secretBytes(secret)));
  }

  #key(keyId: string): KeyObject {
    const key = this.#keys.get(keyId);
    if (key !== undefined) return key;
    this.#parts.logger.warn(
      { event: 'keys.missing', keyId, ring: this.id },
      'The key ring lacks a key that an object needs; an older backup of it was brought back.',
    );
    throw new StoreError('unavailable', 'keys.find', 'the key ring lacks the key of this object', {
      detail: { keyId },
    });
  }
}

function newKey({ random, clock }: KeyRingParts): RingFile['keys'][number] {
  const secret = Buffer.from(random.bytes(keyBytes)).toString('base64');
  return { id: toHex(random.bytes(8)), createdAt: clock.now(), secret };
}

/** Stands for a ring that is lost: plain objects are served, and the others say why not. */
export function lostKeyRing(logger: Logger): KeyRing {
  const refuse = (): Promise<never> => {
    logger.warn({ event: 'keys.no-ring' }, `${keyRingPath} is not there, and an object needs it.`);
    return Promise.reject(new StoreError('unavailable', 'keys.find', 'the key ring is lost'));
  };
  return { wrap: refuse, unwrap: refuse };
}

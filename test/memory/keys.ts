import type { KeyObject } from 'node:crypto';
import { utf8 } from '../../base/bytes.ts';
import { StoreError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import { keyFailure } from '../../server/core/encryption/failures.ts';
import type {
  KeyRing,
  Keys,
  KeyService,
  KeyUse,
  WrappedSecret,
} from '../../server/core/encryption/key-ports.ts';
import { keyOf, unwrapKey, wrapKey } from '../../server/core/encryption/wrapped-key.ts';

/** Keys that nobody keeps. Counts the uses of the service, so that tests can see them. */
export class MemoryKeys implements Keys {
  encryptAll = false;
  readonly ring: KeyRing;
  readonly service: KeyService;
  /** By id; the last one of the ring wraps. */
  readonly ringKeys: Map<string, KeyObject> = new Map();
  readonly serviceKeys: Map<string, KeyObject> = new Map();
  readonly disabled: Set<string> = new Set();
  readonly uses: ({ readonly operation: 'wrap' | 'unwrap'; readonly key: string } & KeyUse)[] = [];
  /** Set: the service does not answer. */
  isAway = false;
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
    this.rotate('ring-1');
    for (const id of ['key-1', 'key-2']) this.serviceKeys.set(id, keyOf(random.bytes(32)));
    this.ring = {
      wrap: async (secret, binding) => {
        await Promise.resolve();
        const keyId = [...this.ringKeys.keys()].at(-1) ?? '';
        const wrapped = wrapKey(this.#ringKey(keyId), secret, { binding, random });
        return { keyId, wrapped };
      },
      unwrap: async ({ keyId, wrapped }, binding) => {
        await Promise.resolve();
        return whole(unwrapKey(this.#ringKey(keyId), wrapped, binding));
      },
    };
    this.service = {
      wrap: async (key, secret, use) => {
        const keyId = key?.replace(/^.*:key\//, '') ?? '';
        const binding = await this.#use('wrap', keyId, use);
        const master = this.serviceKeys.get(keyId);
        if (master === undefined) throw keyFailure('key-not-found', 'keys');
        return { keyId, shownKeyId: keyId, wrapped: wrapKey(master, secret, { binding, random }) };
      },
      unwrap: async ({ keyId, wrapped }: WrappedSecret, use) => {
        const binding = await this.#use('unwrap', keyId, use);
        const master = this.serviceKeys.get(keyId);
        if (master === undefined)
          throw keyFailure('key-not-found', 'keys', { kind: 'unavailable' });
        return whole(unwrapKey(master, wrapped, binding));
      },
    };
  }

  rotate(id: string): void {
    this.ringKeys.set(id, keyOf(this.#random.bytes(32)));
  }

  #ringKey(keyId: string): KeyObject {
    const key = this.ringKeys.get(keyId);
    if (key === undefined) throw new StoreError('unavailable', 'keys', 'the ring lacks this key');
    return key;
  }

  async #use(operation: 'wrap' | 'unwrap', key: string, use: KeyUse): Promise<Uint8Array> {
    await Promise.resolve();
    if (this.isAway) throw new StoreError('unavailable', 'keys', 'the key service is away');
    if (this.disabled.has(key)) throw keyFailure('key-disabled', 'keys');
    this.uses.push({ operation, key, ...use });
    return utf8(JSON.stringify(Object.entries(use.context).sort()));
  }
}

function whole(secret: Uint8Array | undefined): Uint8Array {
  if (secret === undefined) throw new StoreError('corrupt', 'keys', 'a wrapped key is damaged');
  return secret;
}

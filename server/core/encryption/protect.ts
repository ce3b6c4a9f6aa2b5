/** The one decision how a new object's bytes are encrypted. */
import type { RequestContext } from '../request.ts';
import type { ResolvedContainer } from '../container/find.ts';
import type { Encryption } from '../model.ts';
import type { Services } from '../services.ts';
import { keyFailure } from './failures.ts';
import { type KeyChoice, type ObjectKey, objectKeyOf, wrapObjectKey } from './object-key.ts';
import { containerEncryption, type EncryptionWish } from './wish.ts';
import { keyBytes } from './wrapped-key.ts';

/** What goes into the object's row, and the key to seal its bytes with. */
export interface Protection {
  readonly encryption: Encryption;
  readonly objectKey: ObjectKey;
}

/** undefined: plain. To be called before a byte is read: a key that cannot be had refuses the write. */
export async function protect(
  services: Services,
  ctx: RequestContext,
  what: {
    readonly container: ResolvedContainer;
    readonly key: string;
    readonly wish: EncryptionWish | undefined;
  },
): Promise<Protection | undefined> {
  const { container, key, wish } = what;
  const choice = choose(services, container, wish);
  if (choice === undefined) return undefined;
  const { containerId, row } = container;
  const secret = services.random.bytes(keyBytes);
  const place = { containerId, container: row.name, key };
  const encryption = await wrapObjectKey(services, ctx, { secret, choice, place });
  return { encryption, objectKey: objectKeyOf(encryption, secret) };
}

function choose(
  services: Services,
  container: ResolvedContainer,
  wish: EncryptionWish | undefined,
): KeyChoice | undefined {
  const settings = containerEncryption(container.row);
  if (wish?.by === 'customer' && settings?.refusesCustomerKeys === true) {
    throw keyFailure('customer-key-refused', 'object.encrypt');
  }
  if (wish !== undefined && wish.by !== 'container') return wish;
  const usual = settings?.usual ?? (services.keys.encryptAll ? { by: 'key-ring' } : undefined);
  if (usual?.by !== 'key-service' || wish === undefined) return usual;
  return { ...usual, bucketKey: wish.bucketKey };
}

/** Makes, wraps and unwraps objects' own keys: the one place that knows whose key wraps whose. */
import type { KeyObject } from 'node:crypto';
import { utf8 } from '../../../base/bytes.ts';
import { StoreError } from '../../../base/errors.ts';
import type { RequestContext } from '../request.ts';
import type { Encryption, Id, ServiceEncryption } from '../model.ts';
import type { Services } from '../services.ts';
import { keyFailure } from './failures.ts';
import type { ServiceWish } from './wish.ts';
import { keyBytes, keyOf, unwrapKey, wrapKey } from './wrapped-key.ts';

/** An object's key in hand: for the time of a request. */
export interface ObjectKey {
  readonly secret: KeyObject;
  /** Whether ETags must tell nothing of the bytes: who may list has no customer's key. */
  readonly hidesMd5: boolean;
}

/** Which object a key is of, for bindings and encryption contexts. */
export interface ObjectPlace {
  readonly containerId: Id;
  readonly container: string;
  readonly key: string;
}

export type KeyChoice =
  | { readonly by: 'key-ring' }
  | { readonly by: 'customer'; readonly customerKey: Uint8Array }
  | ({ readonly by: 'key-service' } & ServiceWish);

const OP = 'object.encrypt';

function bindingOf(containerId: Id): Uint8Array {
  return utf8(`torc object key\0${containerId}`);
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const bytesOf = (text: string): Uint8Array => Buffer.from(text, 'base64');

export function objectKeyOf(encryption: Encryption, secret: Uint8Array): ObjectKey {
  return { secret: keyOf(secret), hidesMd5: encryption.by === 'customer' };
}

/** What the row of an object with this key says of it. */
export async function wrapObjectKey(
  services: Services,
  ctx: RequestContext,
  what: { readonly secret: Uint8Array; readonly choice: KeyChoice; readonly place: ObjectPlace },
): Promise<Encryption> {
  const { secret, choice, place } = what;
  const binding = bindingOf(place.containerId);
  switch (choice.by) {
    case 'key-ring': {
      const { keyId, wrapped } = await services.keys.ring.wrap(secret, binding);
      return { format: 1, by: 'key-ring', keyId, wrapped: base64(wrapped) };
    }
    case 'customer': {
      const { random } = services;
      const wrapped = wrapKey(keyOf(choice.customerKey), secret, { binding, random });
      return { format: 1, by: 'customer', wrapped: base64(wrapped) };
    }
    default:
      return wrapByService(services, ctx, { secret, choice, place });
  }
}

/** As Amazon names an object, or with a bucket key its bucket, for the key service and its log. */
function arnOf(place: ObjectPlace, ofContainer: boolean): string {
  const path = ofContainer ? place.container : `${place.container}/${place.key}`;
  return `arn:aws:s3:::${path}`;
}

async function wrapByService(
  services: Services,
  ctx: RequestContext,
  what: { readonly secret: Uint8Array; readonly choice: ServiceWish; readonly place: ObjectPlace },
): Promise<Encryption> {
  const { secret, choice, place } = what;
  const { principal } = ctx;
  const { service } = services.keys;
  const usesBucketKey = choice.bucketKey === true;
  const arn = { 'aws:s3:arn': arnOf(place, usesBucketKey) };
  const context = { ...choice.context, ...arn };
  const use = { context, principal };
  if (!usesBucketKey) {
    const { keyId, shownKeyId, wrapped } = await service.wrap(choice.key, secret, use);
    const made = { by: 'key-service', keyId, shownKeyId, context } as const;
    return { format: 1, ...made, wrapped: base64(wrapped) };
  }
  const id = JSON.stringify([choice.key, context, place.containerId, principal.account]);
  const shared = await services.bucketKeys.toWrap.get(id, async () => {
    const bucketSecret = services.random.bytes(keyBytes);
    const { keyId, shownKeyId, wrapped } = await service.wrap(choice.key, bucketSecret, use);
    return { secret: keyOf(bucketSecret), keyId, shownKeyId, wrapped: base64(wrapped) };
  });
  const binding = bindingOf(place.containerId);
  const wrapped = wrapKey(shared.secret, secret, { binding, random: services.random });
  const { keyId, shownKeyId, wrapped: bucketKey } = shared;
  const made = { by: 'key-service', keyId, shownKeyId, context, bucketKey } as const;
  return { format: 1, ...made, wrapped: base64(wrapped) };
}

/** Refuses a key that is missing or of no use; any other is found wrong by unwrapping. */
export function checkCustomerKey(
  encryption: Encryption | undefined,
  customerKey: Uint8Array | undefined,
  op: string,
): void {
  const isCustomers = encryption?.by === 'customer';
  if (isCustomers && customerKey === undefined) throw keyFailure('customer-key-missing', op);
  if (!isCustomers && customerKey !== undefined) throw keyFailure('customer-key-useless', op);
}

/** The key of an object. Throws what its keeper does, and the failures of customers' keys. */
export async function unwrapObjectKey(
  services: Services,
  ctx: RequestContext,
  what: {
    readonly encryption: Encryption;
    readonly containerId: Id;
    readonly customerKey?: Uint8Array | undefined;
    readonly op: string;
  },
): Promise<ObjectKey> {
  const { encryption, customerKey, op } = what;
  checkCustomerKey(encryption, customerKey, op);
  const binding = bindingOf(what.containerId);
  const wrapped = bytesOf(encryption.wrapped);
  switch (encryption.by) {
    case 'key-ring': {
      const { keyId } = encryption;
      const secret = await services.keys.ring.unwrap({ keyId, wrapped }, binding);
      return objectKeyOf(encryption, secret);
    }
    case 'customer': {
      const master = keyOf(customerKey ?? new Uint8Array(keyBytes));
      const secret = unwrapKey(master, wrapped, binding);
      if (secret === undefined) throw keyFailure('customer-key-wrong', op);
      return objectKeyOf(encryption, secret);
    }
    default: {
      const secret = await unwrapByService(services, ctx, { encryption, wrapped, binding });
      return objectKeyOf(encryption, secret);
    }
  }
}

async function unwrapByService(
  services: Services,
  ctx: RequestContext,
  what: {
    readonly encryption: ServiceEncryption & { readonly format: 1; readonly wrapped: string };
    readonly wrapped: Uint8Array;
    readonly binding: Uint8Array;
  },
): Promise<Uint8Array> {
  const { encryption, wrapped, binding } = what;
  const { keyId, context, bucketKey } = encryption;
  const { principal } = ctx;
  const { service } = services.keys;
  if (bucketKey === undefined) {
    return service.unwrap({ keyId, wrapped }, { context, principal });
  }
  // By account, so that nobody uses a key that only others may.
  const id = JSON.stringify([keyId, bucketKey, context, principal.account]);
  const shared = await services.bucketKeys.toUnwrap.get(id, async () =>
    keyOf(await service.unwrap({ keyId, wrapped: bytesOf(bucketKey) }, { context, principal })),
  );
  const secret = unwrapKey(shared, wrapped, binding);
  if (secret !== undefined) return secret;
  throw new StoreError('corrupt', OP, 'a wrapped key is not what was wrapped');
}

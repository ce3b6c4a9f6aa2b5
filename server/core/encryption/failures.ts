/** What is wrong with a key, as doors tell it apart: the `reason` in a StoreError's detail. */
import { type ErrorKind, StoreError } from '../../../base/errors.ts';

export type KeyFailure =
  /** The object is under a customer's key and none came. */
  | 'customer-key-missing'
  | 'customer-key-wrong'
  /** A customer's key came for an object that has none. */
  | 'customer-key-useless'
  | 'customer-key-refused'
  | 'key-not-found'
  | 'key-disabled'
  | 'key-denied'
  | 'key-unchangeable';

const failures: Readonly<Record<KeyFailure, readonly [ErrorKind, string]>> = {
  'customer-key-missing': ['invalid-argument', 'the object is encrypted under a key of its owner'],
  'customer-key-wrong': ['invalid-argument', 'the key is not the one that the object has'],
  'customer-key-useless': ['invalid-argument', 'the object is not under a key of its owner'],
  'customer-key-refused': ['access-denied', 'the container takes no keys of customers'],
  'key-not-found': ['invalid-argument', 'there is no such key'],
  'key-disabled': ['access-denied', 'the key is disabled'],
  'key-denied': ['access-denied', 'the key is not for this account'],
  'key-unchangeable': ['invalid-argument', 'the encryption of this object cannot be changed'],
};

export function keyFailure(
  reason: KeyFailure,
  op: string,
  more: {
    readonly kind?: ErrorKind;
    readonly detail?: Readonly<Record<string, string>>;
  } = {},
): StoreError {
  const [kind, sentence] = failures[reason];
  return new StoreError(more.kind ?? kind, op, sentence, { detail: { ...more.detail, reason } });
}

export function isKeyFailure(reason: unknown): reason is KeyFailure {
  return typeof reason === 'string' && Object.hasOwn(failures, reason);
}

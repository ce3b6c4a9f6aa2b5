import { GiB, KiB, MiB } from '../../base/units.ts';
import { utf8 } from '../../base/bytes.ts';
import { StoreError } from '../../base/errors.ts';

/** Every limit of the model, from the configuration. */
export interface CoreLimits {
  readonly inlineBytes: number;
  readonly maxKeyBytes: number;
  readonly maxContainerNameBytes: number;
  /** One PUT or part: 5 GiB by default. */
  readonly maxBodyBytes: number;
  readonly minPartBytes: number;
  readonly maxParts: number;
  readonly maxPageItems: number;
  /** Links that a read follows, one after the other. */
  readonly maxLinks: number;
  /** Of one dynamic large object, as far as it has a known length. */
  readonly maxDynamicParts: number;
}

export const defaultLimits: CoreLimits = {
  inlineBytes: 16 * KiB,
  maxKeyBytes: 1024,
  maxContainerNameBytes: 256,
  maxBodyBytes: 5 * GiB,
  minPartBytes: 5 * MiB,
  maxParts: 10_000,
  maxPageItems: 10_000,
  maxLinks: 2,
  maxDynamicParts: 10_000,
};

export function checkKey(limits: CoreLimits, key: string, op: string): void {
  if (key === '') {
    throw new StoreError('invalid-argument', op, 'an object has a name', {
      detail: { argument: 'key' },
    });
  }
  checkLength(key, limits.maxKeyBytes, { op, argument: 'key' });
}

export function checkContainerName(limits: CoreLimits, name: string, op: string): void {
  if (name === '' || name.includes('/')) {
    throw new StoreError('invalid-argument', op, 'that cannot name a container', {
      detail: { argument: 'container' },
    });
  }
  checkLength(name, limits.maxContainerNameBytes, { op, argument: 'container' });
}

function checkLength(
  text: string,
  limit: number,
  about: { readonly op: string; readonly argument: string },
): void {
  // A UTF-16 unit is at most three bytes: most names need no encoding to be measured.
  if (text.length * 3 <= limit) return;
  const length = utf8(text).length;
  if (length <= limit) return;
  throw new StoreError('name-too-long', about.op, 'the name is too long', {
    detail: { argument: about.argument, length, limit },
  });
}

/** Names that S3 accepts for a bucket (3-63 of a-z, 0-9, '-', '.'; no address): what a Swift-made container claims if it is free. */
export function isBucketName(name: string): boolean {
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name)) return false;
  return !name.includes('..') && !/^\d+\.\d+\.\d+\.\d+$/.test(name);
}

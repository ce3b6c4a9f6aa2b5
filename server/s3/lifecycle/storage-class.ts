import type { HeaderPairs } from '../../http/exchange.ts';
import type { Call } from '../call.ts';
import { s3Error } from '../codes.ts';

/** The class of whatever has none of its own: stored as its bucket is. */
export const STANDARD = 'STANDARD';
const HEADER = 'x-amz-storage-class';

/** What `x-amz-storage-class` asks for; undefined: STANDARD. Throws `InvalidStorageClass`. */
export function readStorageClass(call: Call): string | undefined {
  return knownClass(call, call.headers.get(HEADER) ?? STANDARD);
}

/** Throws `InvalidStorageClass` for a class that the configuration does not have. */
export function knownClass(call: Call, name: string): string | undefined {
  if (name === STANDARD) return undefined;
  if (call.door.core.storageClasses.some((one) => one.name === name)) return name;
  throw s3Error('InvalidStorageClass', undefined, { StorageClassRequested: name });
}

export function shownClass(of: { readonly storageClass?: string | undefined }): string {
  return of.storageClass ?? STANDARD;
}

/** Replies name a class only where it is not the usual one. */
export function pushStorageClass(
  pairs: HeaderPairs,
  of: { readonly storageClass?: string | undefined },
): void {
  if (of.storageClass !== undefined) pairs.push([HEADER, of.storageClass]);
}

/** What the two kinds of objects that are made of other objects have in common (decision 0025). */
import { isStoreError, StoreError } from '../../../base/errors.ts';
import type { ObjectReader } from '../api.ts';
import { bareEtag } from '../model.ts';

/** What of a reader differs when the object is read whole. */
export type LargeObject = Pick<
  ObjectReader,
  'row' | 'large' | 'hasLength' | 'read' | 'viewPart' | 'parts'
>;

/** Opens a part with the rights of whoever reads the whole. */
export type OpenPart = (at: PartAddress) => Promise<ObjectReader>;

export interface PartAddress {
  readonly container: string;
  readonly key: string;
  /** As the manifest or the listing has them: what the object must still have when it is read. */
  readonly size: number;
  readonly etag: string;
  /** Its own bytes are the part, although it is a large object. */
  readonly asManifest?: boolean;
}

/** Large objects inside of each other: what a reader follows (Swift's bound). */
export const maxDepth = 10;

/** Kinds that are about the part, not about the cluster: asking again does not help. */
const permanent = new Set([
  'access-denied',
  'unauthenticated',
  'no-such-container',
  'no-such-object',
]);

/** Throws `conflict` with detail `segment` when it is gone, forbidden or another object by now. */
export async function openUnchanged(open: OpenPart, part: PartAddress): Promise<ObjectReader> {
  try {
    const reader = await open(part);
    if (reader.row.size !== part.size || shownEtag(reader) !== part.etag) throw changed(part);
    return reader;
  } catch (error) {
    if (isStoreError(error) && permanent.has(error.kind)) throw changed(part, error);
    throw error;
  }
}

export function changed(part: PartAddress, cause?: StoreError): StoreError {
  return new StoreError('conflict', 'object.read', 'a segment cannot be read, or has changed', {
    cause,
    detail: { segment: `${part.container}/${part.key}` },
  });
}

/** The etag as manifests and Swift have it: without the number of parts that S3 shows behind it. */
export function shownEtag(reader: Pick<ObjectReader, 'row' | 'large'>): string {
  const { row, large } = reader;
  return large === undefined ? row.etag : bareEtag(row.etag);
}

export function noSuchPart(partNumber: number, partsCount: number, size: number): StoreError {
  return new StoreError('range-not-satisfiable', 'object.open', 'there is no such part', {
    detail: { partNumber, partsCount, size },
  });
}

/** One object that is a piece of a larger one, read as a part of that. */
import { isStoreError, StoreError } from '../../../base/errors.ts';
import type { ObjectReader } from '../../core/api.ts';
import type { ObjectCall } from '../call.ts';

export interface Segment {
  readonly container: string;
  readonly key: string;
  /** As the manifest or the listing has them: what the object must still have when it is read. */
  readonly size: number;
  readonly etag: string;
}

/** Kinds that are about the segment, not about the cluster: asking again does not help. */
const permanent = ['access-denied', 'unauthenticated', 'no-such-container', 'no-such-object'];

/** Throws `conflict` with detail `segment` (409) when it is gone, forbidden or another object by now. */
export async function openSegment(call: ObjectCall, segment: Segment): Promise<ObjectReader> {
  const { container, key, size, etag } = segment;
  const address = { account: call.account, container, key };
  try {
    const reader = await call.door.core.openObject(call.context, { ...address, condition: {} });
    if (reader.row.size !== size || reader.row.etag !== etag) throw changed(segment);
    return reader;
  } catch (error) {
    if (isStoreError(error) && permanent.includes(error.kind)) throw changed(segment, error);
    throw error;
  }
}

function changed(segment: Segment, cause?: StoreError): StoreError {
  return new StoreError('conflict', 'object.read', 'a segment cannot be read, or has changed', {
    cause,
    detail: { segment: `${segment.container}/${segment.key}` },
  });
}

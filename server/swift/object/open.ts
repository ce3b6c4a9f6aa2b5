/** An object as a request wants to see it: its own bytes, or, of a large object, those of its segments. */
import { isStoreError } from '../../../base/errors.ts';
import type { ObjectReader } from '../../core/api.ts';
import { parseEntityTags } from '../../http/conditional.ts';
import { wireOf } from '../../http/header-text.ts';
import type { ObjectCall } from '../call.ts';
import { isDynamic, openDynamic } from '../large/dynamic.ts';
import { Refusal, statusReply } from '../reply.ts';
import { wantsLink } from '../symlink/link.ts';
import { explainVersionError, readVersionId } from '../versions/version-id.ts';

export interface ObjectView {
  /** Etag and size in its row are those of what is read. */
  readonly reader: ObjectReader;
  /** The Etag header: that of a large object stands in quotes, as in Swift. */
  readonly etag: string;
  /** False: more bytes follow than the row's size says, and nobody knows how many. */
  readonly hasLength: boolean;
  /** Swift serves one range of a dynamic large object, and the whole for several. */
  readonly takesRanges: 'several' | 'one';
}

/** Throws StoreError, and Refusal 412 where `If-Match: *` meets nothing. */
export async function openView(call: ObjectCall): Promise<ObjectView> {
  const reader = await openReader(call);
  if (wantsManifest(call) || !isDynamic(reader.row)) return plainView(reader);
  const { reader: whole, isComplete } = await openDynamic(call, reader);
  const etag = isComplete ? `"${whole.row.etag}"` : wireOf(whole.row.etag);
  return { reader: whole, etag, hasLength: isComplete, takesRanges: 'one' };
}

/** What a copy reads: the content of a large object, or its manifest when that is asked for. */
export async function resolveSource(call: ObjectCall, reader: ObjectReader): Promise<ObjectReader> {
  if (wantsManifest(call) || !isDynamic(reader.row)) return reader;
  return (await openDynamic(call, reader)).reader;
}

export function wantsManifest(call: ObjectCall): boolean {
  return call.query.text('multipart-manifest') === 'get';
}

function plainView(reader: ObjectReader): ObjectView {
  return { reader, etag: wireOf(reader.row.etag), hasLength: true, takesRanges: 'several' };
}

async function openReader(call: ObjectCall): Promise<ObjectReader> {
  const { account, container, key } = call;
  try {
    // Conditions are judged by the door, on the row: Swift's rules are not those that core follows for S3.
    return await call.door.core.openObject(call.context, {
      ...{ account, container, key },
      versionId: readVersionId(call),
      links: wantsLink(call) ? 'keep' : 'follow',
      condition: {},
      // A HEAD needs no key: what it shows stands in listings too.
      rowOnly: call.request.method === 'HEAD',
    });
  } catch (error) {
    const wanted = parseEntityTags(call.headers.get('if-match'));
    if (isStoreError(error, 'no-such-object') && wanted === '*') {
      throw new Refusal(statusReply(412));
    }
    throw await explainVersionError(call, error);
  }
}

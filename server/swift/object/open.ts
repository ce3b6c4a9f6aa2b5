/** An object as a request wants to see it: its own bytes, those of all its segments, or its manifest. */
import { isStoreError } from '../../../base/errors.ts';
import type { ObjectReader } from '../../core/api.ts';
import { shownEtag } from '../../core/large/large-object.ts';
import { parseEntityTags } from '../../http/conditional.ts';
import { wireOf } from '../../http/header-text.ts';
import type { ObjectCall } from '../call.ts';
import { viewManifest, wantsManifest } from '../large/manifest-view.ts';
import { Refusal, statusReply } from '../reply.ts';
import { opensExpired } from './expiry.ts';
import { wantsLink } from '../symlink/link.ts';
import { explainVersionError, readVersionId } from '../versions/version-id.ts';

export interface ObjectView {
  /** Etag (as Swift has it), size and type in its row are those of what is shown. */
  readonly reader: ObjectReader;
  /** The Etag header: that of a large object stands in quotes, as in Swift. */
  readonly etag: string;
  /** Of a static large object that is shown whole. */
  readonly manifestEtag: string | undefined;
  /** Swift serves one range of a dynamic large object, and the whole for several. */
  readonly takesRanges: 'several' | 'one';
}

/** Throws StoreError, and Refusal 412 where `If-Match: *` meets nothing. */
export async function openView(call: ObjectCall): Promise<ObjectView> {
  const asManifest = wantsManifest(call);
  const opened = await openReader(call, asManifest);
  const reader = asManifest ? await viewManifest(call, opened) : opened;
  const { row, large, hasLength } = reader;
  if (large === undefined || asManifest) {
    const etag = wireOf(row.etag);
    return { reader, etag, manifestEtag: undefined, takesRanges: 'several' };
  }
  const bare = shownEtag(reader);
  return {
    reader: { ...reader, row: { ...row, etag: bare } },
    etag: hasLength ? `"${bare}"` : bare,
    manifestEtag: row.manifest?.etag,
    takesRanges: large === 'dynamic' ? 'one' : 'several',
  };
}

async function openReader(call: ObjectCall, asManifest: boolean): Promise<ObjectReader> {
  const { account, container, key } = call;
  try {
    // Conditions are judged by the door, on the row: Swift's rules are not those that core follows for S3.
    return await call.door.core.openObject(call.context, {
      ...{ account, container, key, asManifest, allowExpired: opensExpired(call) },
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

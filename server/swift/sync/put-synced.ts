/** A static large object that another cluster sends: the manifest comes as clusters keep it, with no leave to look at but that of the signature. */
import { createHash } from 'node:crypto';
import { isStoreError } from '../../../base/errors.ts';
import { decodeManifest, type ManifestPart } from '../../core/large/manifest-document.ts';
import type { PartClaim } from '../../core/large/manifest-command.ts';
import type { HttpReply } from '../../http/exchange.ts';
import type { ObjectCall } from '../call.ts';
import { readManifestBody } from '../large/put-manifest.ts';
import { readObjectMetadata } from '../metadata.ts';
import { readExpiry } from '../object/expiry.ts';
import { checkKeyLength, contentTypeFor, readSystemHeaders } from '../object/object-headers.ts';
import { refuse, statusReply } from '../reply.ts';

/** Answers 409 as long as a part is not here: it comes with its own container, and the sender tries again. */
export async function putSyncedManifest(call: ObjectCall): Promise<HttpReply> {
  const { account, container, key, headers } = call;
  checkKeyLength(call, key);
  const body = await readManifestBody(call);
  const etag = (headers.get('etag') ?? '').replace(/^"(.*)"$/, '$1');
  if (etag !== '' && etag !== createHash('md5').update(body).digest('hex')) throw refuse(422);
  const made = await call.door.core.putManifest(call.context, {
    ...{ account, container, key, condition: {} },
    parts: parse(body).map(claimOf),
    document: body,
    contentType: contentTypeFor(headers, key),
    system: readSystemHeaders(headers),
    user: readObjectMetadata(headers),
    expiresAt: readExpiry(headers, call.door.clock.now()),
  });
  if (made.type === 'rejected') throw refuse(409, 'a part of the manifest is not here, or another');
  return statusReply(201, [['Etag', made.outcome.row.etag]]);
}

function parse(body: Uint8Array): readonly ManifestPart[] {
  try {
    return decodeManifest(body);
  } catch (error) {
    if (!isStoreError(error, 'corrupt')) throw error;
    throw refuse(400, 'Manifest must be valid JSON.\n');
  }
}

function claimOf(part: ManifestPart): PartClaim {
  if (part.type === 'data') return part;
  const { container, key, etag, size, range } = part;
  return { type: 'object', container, key, etag, size, ...(range === undefined ? {} : { range }) };
}

/** POST of an object: replaces its metadata, keeps its bytes and etag. */
import type { Link } from '../../core/link.ts';
import type { HttpReply } from '../../http/exchange.ts';
import type { ObjectCall } from '../call.ts';
import { readObjectMetadata } from '../metadata.ts';
import { refuse, statusReply, textReply } from '../reply.ts';
import { isSymlinkPut, linkPath } from '../symlink/link.ts';
import { refuseConditions } from '../unsupported.ts';
import { opensExpired, readExpiry } from './expiry.ts';
import {
  foreignSystem,
  givenContentType,
  readSystemHeaders,
  refuseReserved,
} from './object-headers.ts';

export async function postObject(call: ObjectCall): Promise<HttpReply> {
  const { account, container, key, headers } = call;
  const { core, clock } = call.door;
  refuseConditions(headers);
  if (isSymlinkPut(call)) {
    throw refuse(400, 'A PUT request is required to set a symlink target');
  }
  if (call.query.has('version-id')) {
    throw refuse(400, 'POST to a specific version is not allowed');
  }
  refuseReserved(headers);
  // Swift guesses when an object is made, and never afterwards.
  const contentType = givenContentType(headers);
  const user = readObjectMetadata(headers);
  const expiresAt = readExpiry(headers, clock.now()) ?? null;
  const address = { account, container, key, allowExpired: opensExpired(call) };
  const { row } = await core.openObject(call.context, {
    ...{ ...address, condition: {} },
    // Only what stands beside the bytes is needed, of a large object or a link its own.
    ...{ asManifest: true, rowOnly: true, metadataOnly: true, links: 'keep' },
  });
  const updated = await core.updateObject(call.context, address, {
    ...(contentType === undefined ? {} : { contentType }),
    user,
    system: { ...foreignSystem(row.system), ...readSystemHeaders(headers) },
    expiresAt,
  });
  return updated.link === undefined ? statusReply(202) : redirect(call, updated.link);
}

/** It was applied to the link; the client is told where it perhaps meant it. */
function redirect(call: ObjectCall, link: Link): HttpReply {
  const sentence =
    'The requested POST was applied to a symlink. POST directly to the target to apply requested metadata.';
  const etag = link.etag === undefined ? [] : [['X-Symlink-Target-Etag', link.etag] as const];
  return textReply(307, sentence, [['Location', linkPath(call, link)], ...etag]);
}

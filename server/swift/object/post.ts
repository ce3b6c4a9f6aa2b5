/** POST of an object: replaces its metadata, keeps its bytes and etag. */
import type { HttpReply } from '../../http/exchange.ts';
import type { ObjectCall } from '../call.ts';
import { readObjectMetadata } from '../metadata.ts';
import { refuse, statusReply } from '../reply.ts';
import { refuseConditions } from '../unsupported.ts';
import { readExpiry } from './expiry.ts';
import { foreignSystem, readContentType, readSystemHeaders } from './object-headers.ts';

export async function postObject(call: ObjectCall): Promise<HttpReply> {
  const { account, container, key, headers } = call;
  const { core, clock } = call.door;
  refuseConditions(headers);
  if (call.query.has('version-id')) {
    throw refuse(400, 'POST to a specific version is not allowed');
  }
  const contentType = readContentType(headers);
  const user = readObjectMetadata(headers);
  const expiresAt = readExpiry(headers, clock.now()) ?? null;
  const address = { account, container, key };
  const { row } = await core.openObject(call.context, { ...address, condition: {}, rowOnly: true });
  await core.updateObject(call.context, address, {
    ...(contentType === undefined ? {} : { contentType }),
    user,
    system: { ...foreignSystem(row.system), ...readSystemHeaders(headers) },
    expiresAt,
  });
  return statusReply(202);
}

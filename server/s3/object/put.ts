import type { IncomingBody, PutObject } from '../../core/api.ts';
import type { PutOutcome } from '../../core/commands.ts';
import { accessOfNewObject } from '../acl/new-object.ts';
import { type Call, objectOf } from '../call.ts';
import { writeCondition } from '../conditions.ts';
import type { HeaderPairs, HttpReply } from '../../http/exchange.ts';
import { pushNewEncryption, readEncryption } from '../encryption/headers.ts';
import { checkLockedBody, readLock } from '../lock/lock-headers.ts';
import { appendObject, readOffset } from './append.ts';
import { pushChecksums, pushNewVersion, readObjectHeaders } from '../object-headers.ts';
import { openPayload } from '../payload/payload.ts';
import { bringsReplica } from '../replication/status.ts';
import { pushExpiration } from '../lifecycle/shown-headers.ts';
import { readStorageClass } from '../lifecycle/storage-class.ts';
import { withTags } from '../tagging/object-tagging.ts';

/** PutObject. */
export async function putObject(call: Call): Promise<HttpReply> {
  const body = openPayload(call, call.door.core.limits.maxBodyBytes);
  checkLockedBody(readLock(call.headers), body);
  const offset = readOffset(call.headers);
  const outcome =
    offset === undefined
      ? await storeObject(call, body)
      : await appendObject(call, await describe(call, body), offset);
  const headers: HeaderPairs = [['ETag', `"${outcome.row.etag}"`]];
  pushExpiration(headers, outcome.expiration);
  if (offset !== undefined) headers.push(['x-amz-object-size', String(outcome.row.size)]);
  pushChecksums(headers, outcome.row);
  pushNewEncryption(headers, outcome.row.encryption, call);
  pushNewVersion(headers, outcome.row);
  return { status: 200, headers, body: new Uint8Array(0) };
}

/** Writes the call's key as its headers say: PutObject, and PostObject with the fields of its form. */
export async function storeObject(
  call: Call,
  body: IncomingBody,
  event?: 'created:post',
): Promise<PutOutcome> {
  return call.door.core.putObject(call.context, { ...(await describe(call, body)), event });
}

/** The write that the call's headers ask for. */
async function describe(call: Call, body: IncomingBody): Promise<PutObject> {
  const described = readObjectHeaders(call.headers);
  const access = await accessOfNewObject(call);
  return {
    ...objectOf(call),
    ...described,
    system: { ...withTags(described.system, call.headers), ...access },
    storageClass: readStorageClass(call),
    body,
    lock: readLock(call.headers),
    encryption: readEncryption(call),
    condition: writeCondition(call),
    isReplica: bringsReplica(call),
  };
}

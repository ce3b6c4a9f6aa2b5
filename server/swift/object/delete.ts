/** DELETE of an object. */
import type { HttpReply } from '../../http/exchange.ts';
import { deleteKept } from '../archive/keep.ts';
import type { ObjectCall } from '../call.ts';
import { isTrue } from '../headers.ts';
import { deleteManifest, deleteManifestQuietly } from '../large/delete-manifest.ts';
import { statusReply } from '../reply.ts';
import { refuseIfExpiry } from '../unsupported.ts';
import { deletedVersionHeaders, notVersioned, readVersionId } from '../versions/version-id.ts';
import { readWriteCondition } from './conditions.ts';
import { readIfExpiry } from './expiry.ts';

export async function deleteObject(call: ObjectCall): Promise<HttpReply> {
  if (call.query.text('multipart-manifest') === 'delete') {
    refuseIfExpiry(call.headers);
    const isQuiet = isTrue(call.query.text('async'));
    return isQuiet ? deleteManifestQuietly(call) : deleteManifest(call);
  }
  const { account, container, key, headers } = call;
  const versionId = readVersionId(call);
  const isCurrent = versionId === undefined || versionId === 'null';
  const kept = isCurrent ? await deleteKept(call) : undefined;
  if (kept !== undefined) return kept;
  const condition = { ...readWriteCondition(headers), ifExpiresAt: readIfExpiry(headers) };
  const address = { account, container, key, versionId, condition };
  const outcome = await call.door.core.deleteObject(call.context, { ...address, leavesGap: true });
  if (versionId !== undefined && versionId !== 'null' && outcome.versioning === 'off') {
    throw notVersioned();
  }
  const found = outcome.deleted !== undefined;
  return statusReply(found ? 204 : 404, deletedVersionHeaders(outcome, versionId));
}

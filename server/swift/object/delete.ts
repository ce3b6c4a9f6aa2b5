/** DELETE of an object. */
import type { HttpReply } from '../../http/exchange.ts';
import { deleteKept } from '../archive/keep.ts';
import type { ObjectCall } from '../call.ts';
import { isTrue } from '../headers.ts';
import { deleteManifest, deleteManifestQuietly } from '../large/delete-manifest.ts';
import { refuse, statusReply } from '../reply.ts';
import { deletedVersionHeaders, notVersioned, readVersionId } from '../versions/version-id.ts';
import { readWriteCondition } from './conditions.ts';

export async function deleteObject(call: ObjectCall): Promise<HttpReply> {
  if (call.query.text('multipart-manifest') === 'delete') {
    const isQuiet = isTrue(call.query.text('async'));
    return isQuiet ? deleteManifestQuietly(call) : deleteManifest(call);
  }
  const { account, container, key, headers } = call;
  const expiry = headers.get('x-if-delete-at');
  if (expiry !== undefined) {
    if (!/^\d+(?:\.\d+)?$/.test(expiry)) throw refuse(400, 'Bad X-If-Delete-At header value');
    throw refuse(501, 'X-If-Delete-At is not supported');
  }
  const versionId = readVersionId(call);
  const isCurrent = versionId === undefined || versionId === 'null';
  const kept = isCurrent ? await deleteKept(call) : undefined;
  if (kept !== undefined) return kept;
  const condition = readWriteCondition(headers);
  const address = { account, container, key, versionId, condition };
  const outcome = await call.door.core.deleteObject(call.context, { ...address, leavesGap: true });
  if (versionId !== undefined && versionId !== 'null' && outcome.versioning === 'off') {
    throw notVersioned();
  }
  const found = outcome.deleted !== undefined;
  return statusReply(found ? 204 : 404, deletedVersionHeaders(outcome, versionId));
}

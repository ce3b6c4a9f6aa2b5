/** DELETE of an object. */
import type { HttpReply } from '../../http/exchange.ts';
import { deleteKept } from '../archive/keep.ts';
import { renderReport } from '../bulk/report.ts';
import type { ObjectCall } from '../call.ts';
import { chooseFormat } from '../listing/format.ts';
import { Query } from '../query.ts';
import { refuse, statusReply } from '../reply.ts';
import { deletedVersionHeaders, notVersioned, readVersionId } from '../versions/version-id.ts';
import { readWriteCondition } from './conditions.ts';

export async function deleteObject(call: ObjectCall): Promise<HttpReply> {
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
  if (call.query.text('multipart-manifest') !== 'delete') {
    return statusReply(found ? 204 : 404, deletedVersionHeaders(outcome, versionId));
  }
  // Clients ask so for what shows as a static large object, and read a bulk report.
  const { type } = chooseFormat(new Query(''), headers);
  const report = { status: 200, body: '', deleted: found ? 1 : 0, notFound: found ? 0 : 1 };
  const body = renderReport({ ...report, errors: [] }, type);
  return { status: 200, headers: [['Content-Type', type]], body };
}

import type { DeleteOutcome } from '../../core/commands.ts';
import { versionIdOf } from '../../core/model.ts';
import type { HeaderPairs, HttpReply } from '../../http/exchange.ts';
import { type Call, objectOf } from '../call.ts';
import { deleteCondition } from '../conditions.ts';
import { wishesBypass } from '../lock/lock-headers.ts';
import { bringsReplica } from '../replication/status.ts';
import { parseVersionId } from './version-id.ts';

/** DeleteObject: 204 whether the object was there or not. */
export async function deleteObject(call: Call): Promise<HttpReply> {
  const versionId = parseVersionId(call.query.get('versionId'));
  const outcome = await call.door.core.deleteObject(call.context, {
    ...objectOf(call),
    versionId,
    condition: deleteCondition(call.headers),
    bypassGovernance: wishesBypass(call.headers),
    isReplica: bringsReplica(call),
  });
  const shown = shownDeletion(outcome, versionId);
  const headers: HeaderPairs = [];
  if (shown.isMarker) headers.push(['x-amz-delete-marker', 'true']);
  if (shown.versionId !== undefined) headers.push(['x-amz-version-id', shown.versionId]);
  return { status: 204, headers };
}

/** What a deletion left (a marker), or which version it removed. */
export function shownDeletion(
  outcome: DeleteOutcome,
  versionId: string | undefined,
): { readonly isMarker: boolean; readonly versionId: string | undefined } {
  if (versionId !== undefined) {
    return { isMarker: outcome.deleted?.kind === 'delete-marker', versionId };
  }
  if (outcome.marker === undefined) return { isMarker: false, versionId: undefined };
  return { isMarker: true, versionId: versionIdOf(outcome.marker) };
}

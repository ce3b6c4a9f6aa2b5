import { mayBypassGovernance } from '../access/bypass.ts';
import type { Core } from '../api.ts';
import type { RequestContext } from '../request.ts';
import type { DeleteOutcome } from '../commands.ts';
import { resolveContainer } from '../container/resolve.ts';
import { causeOf, wakeFeeds } from '../feed/cause.ts';
import { checkKey } from '../limits.ts';
import { executeDelete } from '../quota/write.ts';
import type { Services } from '../services.ts';

export async function deleteObject(
  services: Services,
  ctx: RequestContext,
  command: Parameters<Core['deleteObject']>[1],
): Promise<DeleteOutcome> {
  const { key, versionId, leavesGap, condition } = command;
  const found = await resolveContainer(services, ctx, {
    address: command,
    action: versionId === undefined ? 'object.delete' : 'object.delete-version',
  });
  // A delete marker is a row as any other: its name keeps the limits.
  if (found.row.versioning !== 'off') checkKey(services.limits, key, 'object.delete');
  const outcome = await executeDelete(services, found, {
    type: 'object.delete',
    containerId: found.containerId,
    key,
    ...(versionId === undefined ? {} : { versionId }),
    ...(leavesGap === true ? { leavesGap } : {}),
    condition,
    ...(command.isReplica === true ? { isReplica: true } : {}),
    ...causeOf(ctx, found.row, command.event),
    ...(await mayBypassGovernance(services, ctx, command)),
  });
  wakeFeeds(services, found.row);
  return outcome;
}

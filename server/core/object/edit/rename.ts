import { StoreError } from '../../../../base/errors.ts';
import type { RenameObject } from '../../api.ts';
import type { RequestContext } from '../../request.ts';
import type { PutOutcome } from '../../commands.ts';
import { resolveContainer } from '../../container/resolve.ts';
import { causeOf, wakeFeeds } from '../../feed/cause.ts';
import { checkKey } from '../../limits.ts';
import type { Services } from '../../services.ts';

const OP = 'object.rename';

/** Takes the permissions of what it does: to read and to delete the one name, and to write the other. */
export async function renameObject(
  services: Services,
  ctx: RequestContext,
  command: RenameObject,
): Promise<PutOutcome> {
  const { account, container, key, source, sourceCondition, condition, token } = command;
  const from = { account, container, key: source };
  await resolveContainer(services, ctx, { address: from, action: 'object.read' });
  await resolveContainer(services, ctx, { address: from, action: 'object.delete' });
  const found = await resolveContainer(services, ctx, { address: command, action: 'object.write' });
  checkKey(services.limits, key, OP);
  if (source === key) {
    throw new StoreError('invalid-argument', OP, 'an object cannot be renamed to its own name', {
      detail: { argument: 'source' },
    });
  }
  const outcome = await services.rows.execute({
    type: 'object.rename',
    containerId: found.containerId,
    key,
    source,
    sourceCondition,
    condition,
    token,
    ...causeOf(ctx, found.row),
  });
  wakeFeeds(services, found.row);
  return outcome;
}

import type { CompleteUpload, RequestContext } from '../api.ts';
import type { PutOutcome } from '../commands.ts';
import { resolveContainer } from '../container/resolve.ts';
import { causeOf, wakeFeeds } from '../feed/cause.ts';
import type { Services } from '../services.ts';
import { noSuchUpload } from './find.ts';

export async function completeUpload(
  services: Services,
  ctx: RequestContext,
  command: CompleteUpload,
): Promise<PutOutcome> {
  const { key, uploadId, parts, checksum, size, condition } = command;
  const { containerId, row } = await resolveContainer(services, ctx, {
    address: command,
    action: 'object.write',
  });
  if (!/^[0-9a-f]{32}$/.test(uploadId)) throw noSuchUpload('upload.complete');
  const { minPartBytes } = services.limits;
  const outcome = await services.rows.execute({
    type: 'upload.complete',
    ...{ containerId, key, uploadId, parts, checksum, size, minPartBytes, condition },
    ...causeOf(ctx, row),
  });
  wakeFeeds(services, row);
  return outcome;
}

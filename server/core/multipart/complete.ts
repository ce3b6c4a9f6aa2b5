import type { CompleteUpload, RequestContext } from '../api.ts';
import type { PutOutcome } from '../commands.ts';
import { resolveContainer } from '../container/resolve.ts';
import type { Services } from '../services.ts';
import { noSuchUpload } from './find.ts';

export async function completeUpload(
  services: Services,
  ctx: RequestContext,
  command: CompleteUpload,
): Promise<PutOutcome> {
  const { key, uploadId, parts, checksum, size, condition } = command;
  const { containerId } = await resolveContainer(services, ctx, {
    address: command,
    action: 'object.write',
  });
  if (!/^[0-9a-f]{32}$/.test(uploadId)) throw noSuchUpload('upload.complete');
  const { minPartBytes } = services.limits;
  return services.rows.execute({
    type: 'upload.complete',
    ...{ containerId, key, uploadId, parts, checksum, size, minPartBytes, condition },
  });
}

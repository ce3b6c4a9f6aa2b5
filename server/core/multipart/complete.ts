import type { CompleteUpload, RequestContext } from '../api.ts';
import type { PutOutcome } from '../commands.ts';
import { resolveContainer } from '../container/resolve.ts';
import { causeOf, wakeFeeds } from '../feed/cause.ts';
import type { Services } from '../services.ts';
import { unwrapObjectKey } from '../encryption/object-key.ts';
import type { KeyOf } from '../ports.ts';
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
  const at = { containerId, key, uploadId };
  await checkKeyOfUpload(services, ctx, at, command);
  const { minPartBytes } = services.limits;
  const outcome = await services.rows.execute({
    type: 'upload.complete',
    ...{ ...at, parts, checksum, size, minPartBytes, condition },
    ...causeOf(ctx, row),
  });
  wakeFeeds(services, row);
  return outcome;
}

/** Nothing is sealed here; but who completes an object under a customer's key must know that key, where Amazon asks for it. */
async function checkKeyOfUpload(
  services: Services,
  ctx: RequestContext,
  at: KeyOf<'upload'>,
  { customerKey }: CompleteUpload,
): Promise<void> {
  const upload = await services.rows.get('upload', at);
  const { encryption, checksum } = upload ?? {};
  if (encryption?.by !== 'customer') return;
  if (customerKey === undefined && checksum === undefined) return;
  const { containerId } = at;
  const op = 'upload.complete';
  await unwrapObjectKey(services, ctx, { encryption, containerId, customerKey, op });
}

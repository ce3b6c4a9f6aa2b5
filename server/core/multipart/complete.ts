import type { CompleteUpload } from '../api.ts';
import type { RequestContext } from '../request.ts';
import type { PutOutcome } from '../commands.ts';
import { resolveContainer } from '../container/resolve.ts';
import { causeOf, wakeFeeds } from '../feed/cause.ts';
import { executeWrite } from '../quota/write.ts';
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
  const found = await resolveContainer(services, ctx, {
    address: command,
    action: 'object.write',
  });
  const { containerId, row } = found;
  if (!/^[0-9a-f]{32}$/.test(uploadId)) throw noSuchUpload('upload.complete');
  const at = { containerId, key, uploadId };
  await checkKeyOfUpload(services, ctx, at, command);
  const { minPartBytes } = services.limits;
  const about = { container: found, bytes: () => bytesOf(services, at, parts) };
  const outcome = await executeWrite(services, ctx, about, {
    type: 'upload.complete',
    ...{ ...at, parts, checksum, size, minPartBytes, condition },
    ...causeOf(ctx, row),
  });
  wakeFeeds(services, row);
  return outcome;
}

/** Of the parts that are listed; the commit refuses any that are not there. */
async function bytesOf(
  services: Services,
  at: KeyOf<'upload'>,
  parts: CompleteUpload['parts'],
): Promise<number> {
  const wanted = new Set(parts.map(({ partNumber }) => partNumber));
  let bytes = 0;
  let after = 0;
  for (;;) {
    const page = await services.rows.listParts(at, after, services.limits.maxPageItems);
    for (const part of page.parts) if (wanted.has(part.partNumber)) bytes += part.size;
    const last = page.parts.at(-1);
    if (!page.truncated || last === undefined) return bytes;
    after = last.partNumber;
  }
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

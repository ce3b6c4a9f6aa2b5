import type { CreateUpload } from '../api.ts';
import type { RequestContext } from '../request.ts';
import { resolveContainer } from '../container/resolve.ts';
import { checkNewLock } from '../decide/lock.ts';
import { protect } from '../encryption/protect.ts';
import { newUploadId } from '../ids.ts';
import { abortOf, type CreatedUpload } from '../lifecycle/shown.ts';
import { checkKey } from '../limits.ts';
import type { Services } from '../services.ts';
import { checkStorageClass } from '../storage-classes.ts';

export async function createUpload(
  services: Services,
  ctx: RequestContext,
  command: CreateUpload,
): Promise<CreatedUpload> {
  const { key, contentType, system, user, checksum, expiresAt, isReplica, lock } = command;
  const { storageClass } = command;
  const container = await resolveContainer(services, ctx, {
    address: command,
    action: 'object.write',
  });
  checkKey(services.limits, key, 'upload.create');
  checkNewLock(container.row, lock, { nowMillis: services.clock.now(), op: 'upload.create' });
  checkStorageClass(services, storageClass, 'upload.create');
  const { encryption: wish } = command;
  const encryption = (await protect(services, ctx, { container, key, wish }))?.encryption;
  const uploadId = newUploadId(services.random, services.clock.now());
  const upload = await services.rows.execute({
    type: 'upload.create',
    containerId: container.containerId,
    key,
    upload: {
      ...{ uploadId, contentType, system, user, checksum, expiresAt, encryption, lock },
      storageClass,
      ...(isReplica === true ? { isReplica } : {}),
    },
  });
  return { ...upload, abort: abortOf(container.row, key, upload) };
}

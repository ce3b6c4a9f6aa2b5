import type { ObjectAddress, RequestContext } from '../request.ts';
import { resolveContainer } from '../container/resolve.ts';
import { keyFailure } from '../encryption/failures.ts';
import { unwrapObjectKey, wrapObjectKey } from '../encryption/object-key.ts';
import type { ServiceWish } from '../encryption/wish.ts';
import type { VersionRow } from '../model.ts';
import type { Services } from '../services.ts';
import { locateVersion } from './locate.ts';

/** Wraps an object's key anew, under a key of the service; nothing else of the object changes. Throws `key-unchangeable` for plain objects and those under customers' keys. */
export async function reencryptObject(
  services: Services,
  ctx: RequestContext,
  what: {
    readonly address: ObjectAddress & { readonly versionId?: string | undefined };
    readonly wish: ServiceWish;
  },
): Promise<VersionRow> {
  const { address, wish } = what;
  const { key, versionId } = address;
  const op = 'object.reencrypt';
  const found = await resolveContainer(services, ctx, {
    address,
    action: 'object.write-encryption',
  });
  const { containerId, row: container } = found;
  const hasHistory = container.versioning !== 'off';
  const at = { containerId, key, versionId, hasHistory, withBody: false };
  const { row } = await locateVersion(services, at);
  const { encryption: old } = row;
  if (old === undefined || old.by === 'customer') {
    throw keyFailure('key-unchangeable', op, { detail: { had: old?.by ?? 'none' } });
  }
  const objectKey = await unwrapObjectKey(services, ctx, { encryption: old, containerId, op });
  const encryption = await wrapObjectKey(services, ctx, {
    secret: objectKey.secret.export(),
    choice: { by: 'key-service', ...wish },
    place: { containerId, container: container.name, key },
  });
  return services.rows.execute({
    type: 'object.update',
    ...{ containerId, key, version: row.version },
    change: { encryption, isSilent: true },
  });
}

import { StoreError } from '../../../base/errors.ts';
import type { Action } from '../access/actions.ts';
import type { UploadAddress, WithCustomerKey } from '../api.ts';
import type { RequestContext } from '../request.ts';
import type { ResolvedContainer } from '../container/find.ts';
import { resolveContainer } from '../container/resolve.ts';
import { checkCustomerKey, type ObjectKey, unwrapObjectKey } from '../encryption/object-key.ts';
import type { UploadRow } from '../model.ts';
import type { Services } from '../services.ts';

export interface FoundUpload {
  readonly container: ResolvedContainer;
  readonly upload: UploadRow;
}

export function noSuchUpload(op: string): StoreError {
  return new StoreError('no-such-upload', op, 'the upload does not exist');
}

/** The open upload that is addressed; `no-such-upload` when it is unknown, completed or aborted. */
export async function findUpload(
  services: Services,
  ctx: RequestContext,
  at: { readonly address: UploadAddress; readonly action: Action },
): Promise<FoundUpload> {
  const { address, action } = at;
  const container = await resolveContainer(services, ctx, { address, action });
  const { containerId } = container;
  const { key, uploadId } = address;
  if (!/^[0-9a-f]{32}$/.test(uploadId)) throw noSuchUpload(action);
  const upload = await services.rows.get('upload', { containerId, key, uploadId });
  if (upload === undefined || upload.completed !== undefined) throw noSuchUpload(action);
  return { container, upload };
}

/** The key that the upload's parts are sealed with; undefined: they are plain. */
export async function unlockUpload(
  services: Services,
  ctx: RequestContext,
  found: FoundUpload,
  { customerKey }: WithCustomerKey,
): Promise<ObjectKey | undefined> {
  const { encryption } = found.upload;
  const op = 'upload.unlock';
  if (encryption === undefined) {
    checkCustomerKey(encryption, customerKey, op);
    return undefined;
  }
  const { containerId } = found.container;
  return unwrapObjectKey(services, ctx, { encryption, containerId, customerKey, op });
}

import type { UploadAddress } from '../api.ts';
import type { RequestContext } from '../request.ts';
import type { Services } from '../services.ts';
import { findUpload } from './find.ts';

export async function abortUpload(
  services: Services,
  ctx: RequestContext,
  address: UploadAddress,
): Promise<void> {
  const { container } = await findUpload(services, ctx, { address, action: 'object.abort-upload' });
  const { key, uploadId } = address;
  const { containerId } = container;
  await services.rows.execute({ type: 'upload.abort', containerId, key, uploadId });
}

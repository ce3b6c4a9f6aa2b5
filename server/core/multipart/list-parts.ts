import type { PartRow, UploadRow } from '../model.ts';
import type { UploadAddress } from '../api.ts';
import type { RequestContext } from '../request.ts';
import type { Services } from '../services.ts';
import { findUpload } from './find.ts';

export async function headUpload(
  services: Services,
  ctx: RequestContext,
  address: UploadAddress,
): Promise<UploadRow> {
  return (await findUpload(services, ctx, { address, action: 'object.write' })).upload;
}

export async function listParts(
  services: Services,
  ctx: RequestContext,
  query: { readonly address: UploadAddress; readonly after: number; readonly limit: number },
): Promise<{
  readonly upload: UploadRow;
  readonly parts: readonly PartRow[];
  readonly truncated: boolean;
}> {
  const { address, after, limit } = query;
  const { container, upload } = await findUpload(services, ctx, {
    address,
    action: 'object.list-parts',
  });
  const { containerId } = container;
  const { key, uploadId } = address;
  const page = await services.rows.listParts({ containerId, key, uploadId }, after, limit);
  return { upload, ...page };
}

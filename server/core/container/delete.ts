import { isStoreError } from '../../../base/errors.ts';
import type { ContainerAddress, RequestContext } from '../request.ts';
import type { Id, UploadRow } from '../model.ts';
import type { Page, PageQuery } from '../ports.ts';
import type { Services } from '../services.ts';
import { cleanUp } from './find.ts';
import { resolveContainer } from './resolve.ts';

/** Others may begin uploads while these are aborted. */
const MAX_ROUNDS = 10;
const PAGE_ROWS = 500;

/**
 * The tombstone decides; the name and the directory line follow, by us or by whoever meets them.
 * Uploads that were never completed do not keep a container: they are aborted with it. Throws `container-not-empty`.
 */
export async function deleteContainer(
  services: Services,
  ctx: RequestContext,
  address: ContainerAddress,
): Promise<void> {
  const found = await resolveContainer(services, ctx, { address, action: 'container.delete' });
  const { containerId, row } = found;
  for (let round = 1; ; round++) {
    try {
      await services.rows.execute({ type: 'container.delete', containerId });
      break;
    } catch (error) {
      if (!isStoreError(error, 'container-not-empty')) throw error;
      if (error.detail['uploadsLeft'] !== true || round === MAX_ROUNDS) throw error;
    }
    await abortUploads(services, containerId);
  }
  const { account, name } = row;
  await cleanUp(services, { account, name, containerId }, row);
}

async function abortUploads({ rows }: Services, containerId: Id): Promise<void> {
  const whole = { prefix: '', delimiter: '', before: undefined, reverse: false, limit: PAGE_ROWS };
  let query: PageQuery | undefined = { ...whole, after: undefined };
  while (query !== undefined) {
    const page: Page<UploadRow> = await rows.listUploads(containerId, query);
    for (const item of page.items) {
      if (item.type !== 'row' || item.row.completed !== undefined) continue;
      const { uploadId } = item.row;
      await rows.execute({ type: 'upload.abort', containerId, key: item.name, uploadId });
    }
    const last = page.items.at(-1);
    if (!page.truncated || last?.type !== 'row') return;
    const { startedAt, uploadId } = last.row;
    query = { ...whole, after: last.name, afterUpload: { startedAt, uploadId } };
  }
}

import { StoreError } from '../../../base/errors.ts';
import type { Core, IncomingBody } from '../api.ts';
import type { RequestContext } from '../request.ts';
import type { VersionRow } from '../model.ts';
import { openSource, resolveRange } from '../object/copy.ts';
import type { Services } from '../services.ts';

/** The bytes that UploadPartCopy takes. A range must lie wholly inside the source: `invalid-argument` otherwise. */
export async function copySourceBody(
  services: Services,
  ctx: RequestContext,
  command: Parameters<Core['copyPart']>[1],
): Promise<{ readonly body: IncomingBody; readonly version: VersionRow }> {
  const reader = await openSource(services, ctx, command);
  const { size } = reader.row;
  const { range } = command;
  if (range?.last !== undefined && range.last >= size) {
    throw new StoreError('invalid-argument', 'upload.copyPart', 'the range ends outside', {
      detail: { argument: 'x-amz-copy-source-range', size },
    });
  }
  const { start, end } = resolveRange(range, size);
  const body = { chunks: reader.read(start, end), size: end - start };
  return { body, version: reader.row };
}

import type { PartPage } from '../api.ts';
import type { Id, PartRow, VersionRow } from '../model.ts';
import type { Services } from '../services.ts';
import { countParts, hasPart } from './read-body.ts';

/** Parts of a completed object with numbers greater than `after`; undefined when it was not uploaded in parts. */
export async function listObjectParts(
  services: Services,
  at: { readonly containerId: Id; readonly key: string; readonly row: VersionRow },
  page: { readonly after: number; readonly limit: number },
): Promise<PartPage | undefined> {
  const { containerId, key, row } = at;
  const { body } = row;
  if (body.type !== 'parts') return undefined;
  const { runs, uploadId } = body;
  const count = countParts(runs);
  const parts: PartRow[] = [];
  let { after } = page;
  let more = true;
  // One more than wanted tells whether the page is the last.
  while (more && parts.length <= page.limit) {
    const wanted = page.limit + 1 - parts.length;
    const found = await services.rows.listParts({ containerId, key, uploadId }, after, wanted);
    // Parts that Complete did not list lie between the others until the reaper comes.
    parts.push(...found.parts.filter((part) => hasPart(runs, part.partNumber)));
    after = found.parts.at(-1)?.partNumber ?? after;
    more = found.truncated && found.parts.length > 0;
  }
  const truncated = parts.length > page.limit;
  return { count, parts: parts.slice(0, page.limit), truncated };
}

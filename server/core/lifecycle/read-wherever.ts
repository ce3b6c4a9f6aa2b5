/** Reads a version whose bytes may move while they are read: transitions and restores. */
import { isStoreError } from '../../../base/errors.ts';
import { type BodyRef, type Id, type VersionRow, versionIdOf } from '../model.ts';
import type { Services } from '../services.ts';
import { locateVersion } from '../object/locate.ts';
import { type BodySource, readSource } from '../object/read-body.ts';
import { readableBody } from './readable.ts';

export interface ReadOfVersion {
  readonly containerId: Id;
  readonly key: string;
  readonly row: VersionRow;
  readonly source: Omit<BodySource, 'containerId' | 'key' | 'body'>;
}

/** As `readSource`; where the bytes are gone from one place it goes on at the other. */
export async function* readWherever(
  services: Services,
  { containerId, key, row, source }: ReadOfVersion,
  range: { readonly start: number; readonly end: number },
): AsyncGenerator<Uint8Array> {
  let body = readableBody(services, row);
  let { start } = range;
  for (;;) {
    try {
      const bytes = { containerId, key, body, ...source };
      for await (const chunk of readSource(services, bytes, { start, end: range.end })) {
        // Its memory may be another's after the yield.
        start += chunk.length;
        yield chunk;
      }
      return;
    } catch (error) {
      const moved = await movedBody(services, { containerId, key, row }, body);
      if (moved === undefined) throw error;
      body = moved;
    }
  }
}

/** The body that the version has now; undefined where it still is this one, or nothing is there to read. */
async function movedBody(
  services: Services,
  at: { readonly containerId: Id; readonly key: string; readonly row: VersionRow },
  old: BodyRef,
): Promise<BodyRef | undefined> {
  const { containerId, key, row } = at;
  if (old.type !== 'stored' && old.type !== 'parts') return undefined;
  const versionId = versionIdOf(row);
  const where = { containerId, key, versionId, hasHistory: true, withBody: false };
  try {
    const { row: again } = await locateVersion(services, where);
    if (again.version !== row.version) return undefined;
    const body = readableBody(services, again);
    return JSON.stringify(body) === JSON.stringify(old) ? undefined : body;
  } catch (error) {
    // What hindered the read is told, not that the version is gone since.
    if (isStoreError(error)) return undefined;
    throw error;
  }
}

/** What clients are told of what will happen. Always by real days: the rules say days. */
import type { ContainerRow, UploadRow, VersionRow } from '../model.ts';
import { duesOf, realDays, type UploadDue, uploadDue } from './due.ts';
import type { Expiration } from './rules.ts';

/** An upload with what the rules will do if it stays open. */
export interface CreatedUpload extends UploadRow {
  readonly abort?: UploadDue | undefined;
}

/** Name of the rule where the object itself says when it goes. */
const OWN_RULE = 'X-Delete-At';

/** When the current version goes; undefined for others, and where nothing says so. */
export function expirationOf(
  { lifecycle }: Pick<ContainerRow, 'lifecycle'>,
  key: string,
  row: VersionRow,
): Expiration | undefined {
  if (row.newer !== undefined || row.kind !== 'object') return undefined;
  if (lifecycle === undefined && row.expiresAt === undefined) return undefined;
  const state = { key, row, noncurrent: undefined, isLone: row.older === undefined };
  const dues = lifecycle === undefined ? [] : duesOf(lifecycle, state, realDays);
  const ends: Expiration[] = dues.filter(({ action }) => action.type === 'expire');
  if (row.expiresAt !== undefined) ends.push({ at: row.expiresAt, ruleId: OWN_RULE });
  const [first] = ends.toSorted((a, b) => a.at - b.at);
  return first === undefined ? undefined : { at: first.at, ruleId: first.ruleId };
}

export function abortOf(
  { lifecycle }: Pick<ContainerRow, 'lifecycle'>,
  key: string,
  upload: Pick<UploadRow, 'startedAt'>,
): UploadDue | undefined {
  return lifecycle === undefined ? undefined : uploadDue(lifecycle, key, upload, realDays);
}

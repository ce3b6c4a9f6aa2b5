import { StoreError } from '../../../base/errors.ts';
import { invariant } from '../../../base/invariant.ts';
import type { Commands } from '../commands.ts';
import type { Id, PartRow, UploadRow } from '../model.ts';
import type { Commit } from './commit.ts';
import { planUpload } from './lifecycle-plan.ts';
import { hasItsSize } from './object.ts';

type Args<N extends keyof Commands> = Commands[N]['args'];

export interface UploadAt {
  readonly containerId: Id;
  readonly key: string;
  readonly uploadId: Id;
}

export function noSuchUpload(op: string): StoreError {
  return new StoreError('no-such-upload', op, 'the upload does not exist, or is over');
}

/** The upload's row; `no-such-upload` unless it is open. */
function openUpload(commit: Commit, at: UploadAt, op: string): UploadRow {
  const { containerId, key, uploadId } = at;
  const row = commit.view.get('upload', { containerId, key, uploadId });
  if (row === undefined || row.completed !== undefined) throw noSuchUpload(op);
  return row;
}

export function createUpload(commit: Commit, args: Args<'upload.create'>): UploadRow {
  const { containerId, key, upload } = args;
  const container = commit.container(containerId);
  const { uploadId } = upload;
  invariant(
    commit.view.get('upload', { containerId, key, uploadId }) === undefined,
    'an upload id is fresh',
  );
  const row: UploadRow = { ...upload, startedAt: commit.time };
  commit.change({ type: 'put', table: 'upload', key: { containerId, key, uploadId }, row });
  commit.addUsage(containerId, container, { uploads: 1 });
  planUpload(commit, container, { containerId, key }, row);
  return row;
}

/** The last finished upload of a part number wins. */
export function putPart(commit: Commit, args: Args<'upload.put-part'>): PartRow {
  const { containerId, key, uploadId, part, inline } = args;
  commit.container(containerId);
  openUpload(commit, args, 'upload.put-part');
  invariant(hasItsSize(part, inline), 'an inline body has the size that its row says');
  const at = { containerId, key, uploadId, partNumber: part.partNumber };
  const replaced = commit.view.get('part', at);
  if (replaced !== undefined) commit.releaseBody(containerId, key, replaced.body);
  const row: PartRow = { ...part, modifiedAt: commit.time };
  const body = inline === undefined ? {} : { body: inline };
  commit.change({ type: 'put', table: 'part', key: at, row, ...body });
  commit.claimBody(containerId, key, part.body);
  return row;
}

export function abortUpload(commit: Commit, args: Args<'upload.abort'>): null {
  const { containerId, key, uploadId } = args;
  const container = commit.container(containerId);
  const upload = openUpload(commit, args, 'upload.abort');
  if (args.ifStartedAt !== undefined && args.ifStartedAt !== upload.startedAt) {
    throw noSuchUpload('upload.abort');
  }
  commit.change({ type: 'delete', table: 'upload', key: { containerId, key, uploadId } });
  commit.addUsage(containerId, container, { uploads: -1 });
  commit.releaseBody(containerId, key, { type: 'parts', uploadId, runs: [] });
  return null;
}

/** Work of the reaper: these parts belong to no object and to no open upload. */
export function releaseParts(commit: Commit, args: Args<'parts.release'>): null {
  const { containerId, key, uploadId, partNumbers } = args;
  for (const partNumber of partNumbers) {
    const at = { containerId, key, uploadId, partNumber };
    const part = commit.view.get('part', at);
    if (part === undefined) continue;
    commit.change({ type: 'delete', table: 'part', key: at });
    // The grace was over when the reaper came.
    commit.releaseBody(containerId, key, part.body, 0);
  }
  return null;
}

export function forgetUpload(commit: Commit, args: Args<'upload.forget'>): null {
  const { containerId, key, uploadId } = args;
  const row = commit.view.get('upload', { containerId, key, uploadId });
  if (row?.completed === undefined) return null;
  commit.change({ type: 'delete', table: 'upload', key: { containerId, key, uploadId } });
  return null;
}

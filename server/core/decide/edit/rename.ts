import { StoreError } from '../../../../base/errors.ts';
import type { Commands, PutOutcome } from '../../commands.ts';
import type { BodyRef, Id, VersionRow } from '../../model.ts';
import { checkReadCondition } from '../../object/condition.ts';
import type { Commit } from '../commit.ts';
import { checkWriteCondition, visibleObject } from '../condition.ts';
import { tellFeeds } from '../feed.ts';
import { chainOf, enqueueExpiry, push } from '../object.ts';
import { bury } from '../sync/last-change.ts';

const OP = 'object.rename';

/** Each part is a row that moves in this commit: with more of them it would hold up its shard. */
const MAX_PARTS = 1000;

/**
 * One commit, so nobody sees both names or neither. The object is the same: its ETag, its metadata
 * and its age stay (decision 0016).
 */
export function renameObject(commit: Commit, args: Commands['object.rename']['args']): PutOutcome {
  const { containerId, key, source, cause } = args;
  const container = commit.container(containerId);
  if (container.versioning !== 'off') {
    throw new StoreError('not-implemented', OP, 'versioned containers rename no objects');
  }
  const from = { containerId, key: source };
  const to = { containerId, key };
  const sourceChain = chainOf(commit, container, from);
  const moved = visibleObject(sourceChain.head(), commit.nowMillis);
  const chain = chainOf(commit, container, to);
  const existing = visibleObject(chain.head(), commit.nowMillis);
  if (existing !== undefined && isRepeated(existing.renamed, args)) {
    return { row: existing, versioning: container.versioning, replaced: false };
  }
  if (moved === undefined) throw new StoreError('no-such-object', OP, 'the object does not exist');
  checkReadCondition(args.sourceCondition, moved);
  if (moved.restore !== undefined) {
    throw new StoreError('not-implemented', OP, 'a restored object cannot be renamed');
  }
  checkWriteCondition(args.condition, existing, OP);
  bury(commit, { at: from, container, head: moved }, undefined);
  sourceChain.giveUp(moved);
  const { originAt: _changedHere, ...unsynced } = moved;
  moveBody(commit, { containerId, source, key }, moved.body);
  const row = push(commit, chain, container, {
    ...unsynced,
    version: commit.time,
    renamed: args.token === undefined ? undefined : { token: args.token, source },
    ...(moved.body.type === 'inline' ? { inline: from } : {}),
  });
  sourceChain.commitTo(commit);
  chain.commitTo(commit);
  enqueueExpiry(commit, to, row);
  const origin = cause?.origin;
  tellFeeds(commit, container, { ...from, event: 'removed:delete', row: moved, origin });
  tellFeeds(commit, container, { ...to, event: 'created:copy', row, origin });
  return { row, versioning: container.versioning, replaced: existing !== undefined };
}

function isRepeated(
  renamed: VersionRow['renamed'],
  { token, source }: { readonly token?: string | undefined; readonly source: string },
): boolean {
  if (token === undefined || renamed?.token !== token) return false;
  if (renamed.source === source) return true;
  throw new StoreError('invalid-argument', OP, 'the token belongs to another renaming', {
    detail: { argument: 'token' },
  });
}

interface Move {
  readonly containerId: Id;
  readonly source: string;
  readonly key: string;
}

/** Claims bear the new name from now on, and parts lie beside it. */
function moveBody(commit: Commit, move: Move, body: BodyRef): void {
  if (body.type === 'stored') moveClaim(commit, move, body.stored.objectId);
  if (body.type !== 'parts') return;
  const count = body.runs.reduce((sum, run) => sum + run.count, 0);
  if (count > MAX_PARTS) {
    throw new StoreError('not-implemented', OP, `an object of ${count} parts cannot be renamed`);
  }
  const { uploadId } = body;
  for (const { first, count: length } of body.runs) {
    for (let partNumber = first; partNumber < first + length; partNumber++) {
      movePart(commit, move, { uploadId, partNumber });
    }
  }
}

function movePart(
  commit: Commit,
  { containerId, source, key }: Move,
  part: { readonly uploadId: Id; readonly partNumber: number },
): void {
  const old = { containerId, key: source, ...part };
  const row = commit.view.get('part', old);
  if (row === undefined) return;
  const inline = row.body.type === 'inline' ? { bodyOf: { table: 'part', key: old } as const } : {};
  commit.change({ type: 'put', table: 'part', key: { ...old, key }, row, ...inline });
  commit.change({ type: 'delete', table: 'part', key: old });
  if (row.body.type === 'stored') {
    moveClaim(commit, { containerId, source, key }, row.body.stored.objectId);
  }
}

function moveClaim(commit: Commit, { containerId, key }: Move, objectId: Id): void {
  const claim = commit.view.get('claim', { containerId, objectId });
  if (claim === undefined) return;
  const at = { containerId, objectId };
  commit.change({ type: 'put', table: 'claim', key: at, row: { ...claim, key } });
}

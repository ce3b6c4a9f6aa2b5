/**
 * The decisions: the only code that says what a command does to rows. Pure and synchronous; it runs
 * at the primary of the command's shard, which sees every earlier commit, so a precondition is an
 * `if`. StoreError refuses a command and leaves no change.
 */
import type { CommandName, Commands } from '../commands.ts';
import type { Change, ShardView } from '../ports.ts';
import {
  beginDirectory,
  claimBucketName,
  ensureAccount,
  readyDirectory,
  release,
  releaseBucketName,
  removeDirectory,
  reserve,
  updateAccount,
} from './account.ts';
import { appendObject } from './edit/append.ts';
import { Commit, type DecideOptions, type DecideStamp } from './commit.ts';
import { completeUpload } from './complete.ts';
import {
  abandonContainer,
  createContainer,
  deleteContainer,
  updateContainer,
} from './container.ts';
import { catchUpFeed, finishEvents } from './feed.ts';
import { applyLifecycle, expireUpload, finishDue, planScanned } from './lifecycle.ts';
import {
  dropMove,
  endRestore,
  finishRestore,
  moveObject,
  restoreObject,
  stagePart,
} from './move.ts';
import {
  deleteObject,
  expireObject,
  noteReplication,
  promoteVersion,
  putObject,
  updateObject,
} from './object.ts';
import { renameObject } from './edit/rename.ts';
import { abortUpload, createUpload, forgetUpload, putPart, releaseParts } from './upload.ts';
import { checkPlace } from './pieces/names.ts';
import { endPour, settlePour } from './pieces/pour.ts';
import { releaseInContainer, reserveInContainer } from './pieces/reserved.ts';
import {
  adoptRow,
  beginRound,
  decideRound,
  endRound,
  fencePiece,
  raiseRound,
} from './pieces/round.ts';
import {
  enqueueRepair,
  finishQueued,
  finishRepair,
  joinUsage,
  moveQueued,
  noteBackup,
  releaseBackup,
  releaseQueued,
} from './upkeep.ts';

export interface Decided<R> {
  /** Applied atomically. A `bodyOf` means the body before this commit. */
  readonly changes: readonly Change[];
  readonly result: R;
}

export type Decide = <N extends CommandName>(
  command: { readonly type: N } & Commands[N]['args'],
  view: ShardView,
  stamp: DecideStamp,
) => Decided<Commands[N]['result']>;

type Decisions = {
  readonly [N in CommandName]: (commit: Commit, args: Commands[N]['args']) => Commands[N]['result'];
};

const decisions: Decisions = {
  'round.begin': beginRound,
  'round.raise': raiseRound,
  'round.decide': decideRound,
  'round.end': endRound,
  'piece.fence': fencePiece,
  'piece.adopt': adoptRow,
  'pour.settle': settlePour,
  'pour.end': endPour,
  'account.ensure': ensureAccount,
  'account.update': updateAccount,
  'account.reserve': reserve,
  'account.release': release,
  'directory.begin': beginDirectory,
  'directory.ready': readyDirectory,
  'directory.remove': removeDirectory,
  'bucketName.claim': claimBucketName,
  'bucketName.release': releaseBucketName,
  'container.reserve': reserveInContainer,
  'container.release': releaseInContainer,
  'container.create': createContainer,
  'container.abandon': abandonContainer,
  'container.update': updateContainer,
  'container.delete': deleteContainer,
  'object.put': putObject,
  'object.update': updateObject,
  'object.append': appendObject,
  'object.rename': renameObject,
  'object.delete': deleteObject,
  'object.promote': promoteVersion,
  'object.expire': expireObject,
  'upload.create': createUpload,
  'upload.put-part': putPart,
  'upload.complete': completeUpload,
  'upload.abort': abortUpload,
  'upload.forget': forgetUpload,
  'parts.release': releaseParts,
  'usage.join': joinUsage,
  'queue.done': finishQueued,
  'queue.move': moveQueued,
  'queue.release': releaseQueued,
  'repair.enqueue': enqueueRepair,
  'repair.done': finishRepair,
  'backup.note': noteBackup,
  'backup.release': releaseBackup,
  'lifecycle.apply': applyLifecycle,
  'lifecycle.expire-upload': expireUpload,
  'lifecycle.plan': planScanned,
  'lifecycle.done': finishDue,
  'move.stage-part': stagePart,
  'move.drop': dropMove,
  'object.move': moveObject,
  'object.restore': restoreObject,
  'object.restored': finishRestore,
  'object.unrestore': endRestore,
  'feed.done': finishEvents,
  'feed.catch-up': catchUpFeed,
  'replication.note': noteReplication,
};

export function createDecide(options: DecideOptions): Decide {
  return (command, view, stamp) => {
    const commit = new Commit(view, stamp, options);
    if ('containerId' in command && 'key' in command) checkPlace(commit, command);
    const result = decisions[command.type](commit, command);
    const allowance = 'allowance' in command ? command.allowance : undefined;
    return { changes: commit.finish(allowance), result };
  };
}

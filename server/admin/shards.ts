/** What an operator asks of shards: `torc shard`. */
import type { Clock } from '../../base/clock.ts';
import { StoreError } from '../../base/errors.ts';
import { type ShardId, shardId } from '../../base/units.ts';
import { shardIn } from '../../storage/shard/coordinator.ts';
import { inOrder } from '../../storage/shard/ranges/extent.ts';
import type { Cell } from '../cell/cell.ts';
import { largestPiece, listPieces, nodeOf } from './pieces.ts';

const op = 'control.shard';
/** Large shards take minutes: nobody waits for those. */
const waitMillis = 20_000;

/** Undefined: it is no call about shards. */
export async function answerShardCall(
  on: { readonly cell: Cell; readonly clock: Clock },
  path: string,
  params: URLSearchParams,
): Promise<string | undefined> {
  switch (path) {
    case '/shard/list':
      return listed(on.cell);
    case '/shard/split':
      return split(on.cell, on.clock, params);
    case '/shard/merge':
      return merge(on.cell, on.clock, params);
    case '/shard/pieces':
      return listPieces(on.cell, params);
    case '/shard/divide':
      return divide(on.cell, on.clock, params);
    default:
      return undefined;
  }
}

function listed(cell: Cell): string {
  const { shards } = cell.coordinator.current();
  const owners = inOrder(shards);
  const others = shards.filter(({ takesFrom }) => takesFrom !== undefined);
  const lines = [...owners, ...others].map((shard) => {
    const { id, start, primary, replicas, inSync, takesFrom, untrimmed, joins } = shard;
    const notes = [
      takesFrom === undefined ? '' : `, is being split off shard ${takesFrom}`,
      untrimmed === true ? ', is being trimmed' : '',
      joins === undefined ? '' : `, is being merged into shard ${joins}`,
    ];
    const place = `device ${primary} of ${nodeOf(cell, shard)}`;
    return `${id} from ${takesFrom === undefined ? start : 'nowhere'} on ${place}, ${inSync.length} of ${replicas.length} replicas in sync${notes.join('')}`;
  });
  return lines.join('\n');
}

function knownShard({ coordinator }: Cell, text: string | null): ShardId {
  const id = shardId(Number(text));
  if (shardIn(coordinator.current(), id) !== undefined) return id;
  throw new StoreError('invalid-argument', op, 'there is no such shard');
}

/** Whether it is done before nobody waits any more. */
async function isSoon(asked: Promise<void>, clock: Clock): Promise<boolean> {
  return (await Promise.race([asked.then(() => true), clock.sleep(waitMillis)])) === true;
}

async function split(cell: Cell, clock: Clock, params: URLSearchParams): Promise<string> {
  const shard = knownShard(cell, params.get('shard'));
  const at = params.get('at') ?? undefined;
  const asked = cell.workers.split(at === undefined ? { shard } : { shard, at });
  return (await isSoon(asked, clock))
    ? `Shard ${shard} is split.`
    : `Shard ${shard} is being split; torc shard list shows when it is.`;
}

async function merge(cell: Cell, clock: Clock, params: URLSearchParams): Promise<string> {
  const shard = knownShard(cell, params.get('shard'));
  const asked = cell.workers.merge({ shard });
  return (await isSoon(asked, clock))
    ? `Shard ${shard} is merged.`
    : `Shard ${shard} is being merged; torc shard list shows when it is no more.`;
}

async function divide(cell: Cell, clock: Clock, params: URLSearchParams): Promise<string> {
  const request = await largestPiece(cell, params);
  return (await isSoon(cell.workers.split(request), clock))
    ? 'The container is divided, and the shard is split between both pieces.'
    : 'The container is being divided; torc shard pieces shows how far it is.';
}

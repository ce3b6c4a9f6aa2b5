/** How far a process is with changes of rings, told to the one that leads them. */
import { StoreError } from '../../../base/errors.ts';
import { type ShardId, shardId } from '../../../base/units.ts';
import type { ChangeStates } from '../../rings/rebalancer.ts';
import type { ChangeProgress } from '../../rings/steward.ts';
import { type Head, listIn } from '../wire/head.ts';

export function encodeProgress({ counted, oldestWritten }: ChangeProgress): Head {
  return {
    counted: [...counted].map(([id, states]) => [id, [...states]]),
    // JSON has no Infinity: nothing is being written.
    oldest: [...oldestWritten].filter(([, version]) => Number.isFinite(version)),
  };
}

export function decodeProgress(head: Head): ChangeProgress {
  const counted = pairsIn(listIn(head, 'counted')).map(([id, states]): [ShardId, ChangeStates] => {
    if (!Number.isSafeInteger(id) || !Array.isArray(states)) throw bad();
    return [shardId(Number(id)), new Map(pairsIn(states).map(textPair))];
  });
  const oldest = pairsIn(listIn(head, 'oldest')).map(([name, version]): [string, number] => {
    if (typeof name !== 'string' || typeof version !== 'number') throw bad();
    return [name, version];
  });
  return { counted: new Map(counted), oldestWritten: new Map(oldest) };
}

function pairsIn(list: readonly unknown[]): readonly (readonly [unknown, unknown])[] {
  return list.map((pair) => {
    if (!Array.isArray(pair) || pair.length !== 2) throw bad();
    return [pair[0], pair[1]];
  });
}

function textPair([name, state]: readonly [unknown, unknown]): readonly [string, string] {
  if (typeof name !== 'string' || typeof state !== 'string') throw bad();
  return [name, state];
}

function bad(): StoreError {
  return new StoreError('invalid-argument', 'wire.changes', 'not the progress of changes');
}

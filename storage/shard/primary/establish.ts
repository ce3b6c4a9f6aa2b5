/**
 * Finds a shard's next primary, writes the new epoch to the map, and brings the others level with it.
 *
 * The former primary may still be at work on another machine. What makes it harmless is the fence: once
 * this replica follows the new epoch it takes nothing of lower ones any more, and the former primary cannot
 * acknowledge without it. So what is looked at before the fence is only a guess, and is looked at again behind it.
 */
import type { Clock } from '../../../base/clock.ts';
import { StoreError, toStoreError } from '../../../base/errors.ts';
import { type DeviceId, epoch as toEpoch, sequence } from '../../../base/units.ts';
import type { Coordinator } from '../coordinator.ts';
import type { EncodedRecord } from '../log/record.ts';
import { compareProgress, isPrefix, type ReplicaPeer, type ReplicaStatus } from '../peer.ts';
import type { LocalReplica } from '../replica/replica.ts';
import { answerWithin } from './answer.ts';
import { minInSync } from './in-sync.ts';
import type { ShardState } from '../shard.ts';

/** The epoch of a shard that nobody has opened yet: its replicas need not exist. */
export const firstEpoch = 1;

const shipmentBytesMax = 1024 * 1024;

export interface Established {
  readonly state: ShardState;
  readonly local: LocalReplica;
  readonly peers: readonly ReplicaPeer[];
}

interface Candidate {
  readonly peer: ReplicaPeer;
  /** Undefined when it is on another machine. */
  readonly local: LocalReplica | undefined;
  readonly status: ReplicaStatus;
}

export interface ElectionTools {
  readonly coordinator: Coordinator;
  /** The lease under which the primary will serve; undefined on a single machine. */
  readonly session: string | undefined;
  /** The shard's replica on a device of this machine; undefined when it is not there, or is to be left out. */
  readonly localOn: (device: DeviceId) => LocalReplica | undefined;
  /** The same on any machine that can be reached. */
  readonly peerOn: (device: DeviceId) => ReplicaPeer | undefined;
  /** Whether a device that cannot be reached may be serving others: its machine lives. */
  readonly mayServe: (device: DeviceId) => boolean;
  /** Take a local replica, though one on another machine knows more: its own machine has had its time. */
  readonly insists: boolean;
  readonly clock: Clock;
  /** A replica that takes longer for one call is left out. */
  readonly answerMillis: number;
}

/**
 * StoreError `unavailable` when no in-sync replica is there, or when one failed on
 * the way (then try again without it: `detail.device`); `conflict` when another machine should do it.
 */
export async function establish(state: ShardState, tools: ElectionTools): Promise<Established> {
  const candidates = await findCandidates(state, tools);
  checkEnough(state, candidates, tools);
  const best = chooseBest(candidates, tools.insists);
  const { local } = best;
  if (local === undefined) {
    throw new StoreError('conflict', 'shard.open', 'a replica on another machine knows more', {
      detail: { better: best.peer.device },
    });
  }
  const followers = await findFollowers(best.status, local, candidates, tools);
  const next = nextState(state, tools.session, [best.peer, ...followers]);
  await takeOver(state, next, tools);
  await bringLevel(local, next, followers, tools);
  return { state: next, local, peers: followers };
}

function chooseBest(candidates: readonly Candidate[], insists: boolean): Candidate {
  const eligible = insists ? candidates.filter(({ local }) => local !== undefined) : candidates;
  // In the order of the replicas in the map: of several that know as much, the first.
  const [first, ...rest] = eligible;
  if (first === undefined) throw noneThere();
  return rest.reduce((a, b) => (compareProgress(b.status, a.status) > 0 ? b : a), first);
}

function noneThere(): StoreError {
  return new StoreError('unavailable', 'shard.open', 'no in-sync replica of the shard is there');
}

function nextState(
  { session: _former, ...state }: ShardState,
  session: string | undefined,
  inSync: readonly ReplicaPeer[],
): ShardState {
  const [first] = inSync;
  return {
    ...state,
    epoch: toEpoch(state.epoch + 1),
    primary: first?.device ?? state.primary,
    ...(session === undefined ? {} : { session }),
    inSync: inSync.map((peer) => peer.device),
  };
}

async function takeOver(
  state: ShardState,
  next: ShardState,
  { coordinator, session }: ElectionTools,
): Promise<void> {
  const former = state.session;
  if (former === undefined || former === session) await coordinator.updateShard(next.id, next);
  else await coordinator.updateShard(next.id, next, former);
}

async function findCandidates(
  state: ShardState,
  tools: ElectionTools,
): Promise<readonly Candidate[]> {
  const order = state.replicas.filter((device) => state.inSync.includes(device));
  const found = await Promise.all(
    order.map(async (device): Promise<Candidate | undefined> => {
      const local = tools.localOn(device);
      const peer = local ?? tools.peerOn(device);
      if (peer === undefined) return undefined;
      const status = await onDevice(tools, peer, async () => {
        const now = await peer.status();
        if (state.epoch !== firstEpoch || now.condition !== 'absent') return now;
        await peer.initialise(state.epoch);
        return peer.status();
      });
      return status.condition === 'ready' ? { peer, local, status } : undefined;
    }),
  );
  const candidates = found.filter((one) => one !== undefined);
  if (candidates.length === 0) throw noneThere();
  return candidates;
}

/** A shard that could not take a single write is better left to a machine that reaches more of its replicas, if there may be one. */
function checkEnough(
  state: ShardState,
  candidates: readonly Candidate[],
  { mayServe }: ElectionTools,
): void {
  if (candidates.length >= minInSync(state)) return;
  const there = new Set(candidates.map(({ peer }) => peer.device));
  const hidden = state.inSync.find((device) => !there.has(device) && mayServe(device));
  if (hidden === undefined) return;
  throw new StoreError('conflict', 'shard.open', 'too few replicas can be reached from here', {
    detail: { hidden },
  });
}

/** Those that lack only commits which the next primary still has in its log. */
async function findFollowers(
  best: ReplicaStatus,
  local: LocalReplica,
  candidates: readonly Candidate[],
  tools: ElectionTools,
): Promise<ReplicaPeer[]> {
  const followers: ReplicaPeer[] = [];
  for (const { peer, status } of candidates) {
    if (peer.device === local.device || !isPrefix(status, best)) continue;
    const commits = await onDevice(tools, local, () => local.commitsAfter(status.sequence));
    if (commits !== undefined) followers.push(peer);
  }
  return followers;
}

async function bringLevel(
  local: LocalReplica,
  next: ShardState,
  followers: readonly ReplicaPeer[],
  tools: ElectionTools,
): Promise<void> {
  // From here on the former primary gets no acknowledgement of this replica.
  const own = await onDevice(tools, local, () => local.status(next.epoch));
  const start = sequence(own.sequence + 1);
  const level = followers.map((peer) =>
    onDevice(tools, peer, async () => {
      const status = await peer.status(next.epoch);
      const commits =
        status.condition === 'ready' && isPrefix(status, own)
          ? await local.commitsAfter(status.sequence)
          : undefined;
      if (commits === undefined) {
        throw new StoreError('conflict', 'shard.open', 'the replica has gone another way');
      }
      await ship(peer, next, commits);
      await peer.begin(next.epoch, start);
    }),
  );
  await Promise.all([onDevice(tools, local, () => local.begin(next.epoch, start)), ...level]);
}

async function ship(
  peer: ReplicaPeer,
  { epoch }: ShardState,
  commits: readonly EncodedRecord[],
): Promise<void> {
  let shipment: EncodedRecord[] = [];
  let bytes = 0;
  for (const commit of commits) {
    shipment.push(commit);
    bytes += commit.length;
    if (bytes < shipmentBytesMax) continue;
    await peer.append({ epoch, commits: shipment });
    shipment = [];
    bytes = 0;
  }
  await peer.append({ epoch, commits: shipment });
}

/** Names the device in what goes wrong, so that the next attempt can leave it out. */
async function onDevice<Result>(
  { clock, answerMillis }: ElectionTools,
  { device }: ReplicaPeer,
  task: () => Promise<Result>,
): Promise<Result> {
  try {
    return await answerWithin(clock, answerMillis, task());
  } catch (cause) {
    const error = toStoreError(cause, 'shard.open');
    const detail = { device };
    throw new StoreError('unavailable', 'shard.open', error.message, { cause: error, detail });
  }
}

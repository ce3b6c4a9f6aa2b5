/** Finds a shard's next primary, brings the others level with it, and writes the new epoch to the map. */
import type { Clock } from '../../../base/clock.ts';
import { StoreError, toStoreError } from '../../../base/errors.ts';
import { type DeviceId, epoch as toEpoch, sequence } from '../../../base/units.ts';
import type { Coordinator } from '../coordinator.ts';
import type { EncodedRecord } from '../log/record.ts';
import { type ReplicaStatus, compareProgress, isPrefix } from '../peer.ts';
import type { LocalReplica } from '../replica/replica.ts';
import { answerWithin } from './answer.ts';
import type { ShardState } from '../shard.ts';

/** The epoch of a shard that nobody has opened yet: its replicas need not exist. */
export const firstEpoch = 1;

const shipmentBytesMax = 1024 * 1024;

export interface Established {
  readonly state: ShardState;
  readonly local: LocalReplica;
  readonly peers: readonly LocalReplica[];
}

interface Candidate {
  readonly replica: LocalReplica;
  readonly status: ReplicaStatus;
}

interface Follower {
  readonly replica: LocalReplica;
  readonly commits: readonly EncodedRecord[];
}

export interface ElectionTools {
  readonly coordinator: Coordinator;
  /** The shard's replica on a device; undefined when the device is not there, or is to be left out. */
  readonly replicaOn: (device: DeviceId) => LocalReplica | undefined;
  readonly clock: Clock;
  /** A replica that takes longer for one call is left out. */
  readonly answerMillis: number;
}

/**
 * StoreError `unavailable` when no in-sync replica is there, or when one failed on
 * the way (then try again without it: `detail.device`).
 */
export async function establish(state: ShardState, tools: ElectionTools): Promise<Established> {
  const { coordinator } = tools;
  const candidates = await findCandidates(state, tools);
  const best = candidates.reduce<Candidate | undefined>(
    (a, b) => (a === undefined || compareProgress(b.status, a.status) > 0 ? b : a),
    undefined,
  );
  if (best === undefined) {
    throw new StoreError('unavailable', 'shard.open', 'no in-sync replica of the shard is there', {
      detail: { shard: state.id },
    });
  }
  const followers = await findFollowers(best, candidates, tools);
  const next: ShardState = {
    ...state,
    epoch: toEpoch(state.epoch + 1),
    primary: best.replica.device,
    inSync: [best.replica.device, ...followers.map(({ replica }) => replica.device)],
  };
  await coordinator.updateShard(state.id, next);
  const start = sequence(best.status.sequence + 1);
  const level = followers.map((follower) =>
    onDevice(tools, follower.replica, async () => {
      await catchUp(follower, next);
      await follower.replica.begin(next.epoch, start);
    }),
  );
  const own = onDevice(tools, best.replica, () => best.replica.begin(next.epoch, start));
  await Promise.all([own, ...level]);
  return { state: next, local: best.replica, peers: followers.map(({ replica }) => replica) };
}

async function findCandidates(state: ShardState, tools: ElectionTools): Promise<Candidate[]> {
  const candidates: Candidate[] = [];
  for (const device of state.inSync) {
    const replica = tools.replicaOn(device);
    if (replica === undefined) continue;
    if (state.epoch === firstEpoch && replica.state.condition === 'absent') {
      await onDevice(tools, replica, () => replica.initialise(state.epoch));
    }
    const status = await onDevice(tools, replica, () => replica.status());
    if (status.condition === 'ready') candidates.push({ replica, status });
  }
  return candidates;
}

/** Those that lack only commits which the best replica still has in its log. */
async function findFollowers(
  best: Candidate,
  candidates: readonly Candidate[],
  tools: ElectionTools,
): Promise<Follower[]> {
  const followers: Follower[] = [];
  for (const { replica, status } of candidates) {
    if (replica === best.replica || !isPrefix(status, best.status)) continue;
    const commits = await onDevice(tools, best.replica, () =>
      best.replica.commitsAfter(status.sequence),
    );
    if (commits !== undefined) followers.push({ replica, commits });
  }
  return followers;
}

async function catchUp({ replica, commits }: Follower, state: ShardState): Promise<void> {
  let shipment: EncodedRecord[] = [];
  let bytes = 0;
  for (const commit of commits) {
    shipment.push(commit);
    bytes += commit.length;
    if (bytes < shipmentBytesMax) continue;
    await replica.append({ epoch: state.epoch, commits: shipment });
    shipment = [];
    bytes = 0;
  }
  await replica.append({ epoch: state.epoch, commits: shipment });
}

/** Names the device in what goes wrong, so that the next attempt can leave it out. */
async function onDevice<Result>(
  { clock, answerMillis }: ElectionTools,
  replica: LocalReplica,
  task: () => Promise<Result>,
): Promise<Result> {
  try {
    return await answerWithin(clock, answerMillis, task());
  } catch (cause) {
    const error = toStoreError(cause, 'shard.open');
    throw new StoreError('unavailable', 'shard.open', error.message, {
      cause: error,
      detail: { device: replica.device },
    });
  }
}

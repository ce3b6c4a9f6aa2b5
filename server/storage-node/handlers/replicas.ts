/** Replicas of shards on this machine's devices, served to the primaries on others. */
import { deviceId, type DeviceId, epoch, sequence, shardId } from '../../../base/units.ts';
import type { ReplicaPeer } from '../../../storage/shard/peer.ts';
import type { ShardDevice } from '../../../storage/shard/device.ts';
import type { Handler, Request, Result } from '../wire/answering.ts';
import { type Head, numberIn, textIn } from '../wire/head.ts';
import { type Method, methods } from '../wire/methods.ts';
import {
  decodeCommits,
  decodeCopiedRows,
  decodeDigest,
  decodeHistory,
  encodeStatus,
} from './replica-head.ts';

/** Throws `unavailable` when the device does not serve here. */
export type ShardDevices = (device: DeviceId) => ShardDevice;

type Task = (replica: ReplicaPeer, request: Request) => Promise<Result | void>;

const missingMax = 100_000;
const nothing: Result = { head: {} };

/** What each does before its first `await` is done in the order of the requests. */
const tasks: readonly (readonly [Method, Task])[] = [
  [
    methods.replicaStatus,
    async (replica, { head }) => {
      const wanted = head['epoch'] === undefined ? undefined : epochIn(head);
      return { head: encodeStatus(await replica.status(wanted)) };
    },
  ],
  [
    methods.replicaAppend,
    (replica, { head, bytes }) =>
      replica.append({ epoch: epochIn(head), commits: decodeCommits(bytes) }),
  ],
  [
    methods.replicaBegin,
    (replica, { head }) => replica.begin(epochIn(head), sequence(numberIn(head, 'start'))),
  ],
  [methods.replicaInitialise, (replica, { head }) => replica.initialise(epochIn(head))],
  [methods.replicaReset, (replica, { head }) => replica.reset(epochIn(head))],
  [
    methods.replicaCopy,
    (replica, { head, bytes }) => replica.copy(epochIn(head), decodeCopiedRows(head, bytes)),
  ],
  [
    methods.replicaMissing,
    async (replica, { head }) => {
      const keys = await replica.missing(Math.min(numberIn(head, 'limit'), missingMax));
      return { head: { lengths: keys.map((key) => key.length) }, bytes: keys };
    },
  ],
  [
    methods.replicaLevel,
    (replica, { head }) =>
      replica.level(epochIn(head), sequence(numberIn(head, 'base')), decodeHistory(head)),
  ],
  [
    methods.replicaReadBody,
    async (replica, { head, bytes }) => {
      const digest = decodeDigest(numberIn(head, 'length'), textIn(head, 'hash'));
      const body = await replica.readBody(bytes, digest);
      return body === undefined ? nothing : { head: { found: true }, bytes: [body] };
    },
  ],
  [methods.replicaRemove, (replica, { head }) => replica.remove(epochIn(head))],
];

function epochIn(head: Head): ReturnType<typeof epoch> {
  return epoch(numberIn(head, 'epoch'));
}

export function replicaHandlers(devices: ShardDevices): Map<number, Handler> {
  return new Map(
    tasks.map(([method, task]): [number, Handler] => [
      method.number,
      async (request) => {
        const device = devices(deviceId(numberIn(request.head, 'device')));
        const replica = device.replica(shardId(numberIn(request.head, 'shard')));
        return (await task(replica, request)) ?? nothing;
      },
    ]),
  );
}

/** What machines ask each other. Numbers are part of the protocol and never reused: docs/format/wire.md. */
import type { Lane } from './greeting.ts';

export interface Method {
  readonly number: number;
  readonly name: string;
  readonly lane: Lane;
}

export const methods = {
  fragmentAppend: { number: 1, lane: 'bytes', name: 'fragment.append' },
  fragmentCommit: { number: 2, lane: 'bytes', name: 'fragment.commit' },
  fragmentRead: { number: 3, lane: 'bytes', name: 'fragment.read' },
  fragmentHas: { number: 4, lane: 'bytes', name: 'fragment.has' },
  fragmentRemove: { number: 5, lane: 'bytes', name: 'fragment.remove' },
  fragmentRemoveOne: { number: 6, lane: 'bytes', name: 'fragment.removeOne' },
  fragmentScan: { number: 7, lane: 'bytes', name: 'fragment.scan' },
  replicaStatus: { number: 16, lane: 'rows', name: 'replica.status' },
  replicaAppend: { number: 17, lane: 'rows', name: 'replica.append' },
  replicaBegin: { number: 18, lane: 'rows', name: 'replica.begin' },
  replicaInitialise: { number: 19, lane: 'rows', name: 'replica.initialise' },
  replicaReset: { number: 20, lane: 'rows', name: 'replica.reset' },
  replicaCopy: { number: 21, lane: 'rows', name: 'replica.copy' },
  replicaMissing: { number: 22, lane: 'rows', name: 'replica.missing' },
  replicaLevel: { number: 23, lane: 'rows', name: 'replica.level' },
  replicaReadBody: { number: 24, lane: 'rows', name: 'replica.readBody' },
  replicaRemove: { number: 25, lane: 'rows', name: 'replica.remove' },
  shardExecute: { number: 32, lane: 'rows', name: 'shard.execute' },
  shardGet: { number: 33, lane: 'rows', name: 'shard.get' },
  shardScan: { number: 34, lane: 'rows', name: 'shard.scan' },
  shardList: { number: 35, lane: 'rows', name: 'shard.list' },
  bodyIsOpen: { number: 48, lane: 'rows', name: 'body.isOpen' },
  ringProgress: { number: 56, lane: 'rows', name: 'ring.progress' },
} as const;

export type MethodName = keyof typeof methods;

/** Makes replicas of what a backup kept: plays the part of a primary that has those rows and commits. */
import { MiB, type Epoch } from '../../../base/units.ts';
import {
  decodeRecord,
  type EncodedRecord,
  type LogRecord,
  recordTypes,
  reencode,
} from '../log/record.ts';
import type { CopiedRow, ReplicaPeer } from '../peer.ts';
import { digestOf, rowOf, sequenceOf } from '../row.ts';

const shipmentBytesMax: number = MiB;

/** Replicas that learn (`reset`), all alike, and the epoch in whose name they are spoken to. */
export interface ReplayTarget {
  readonly epoch: Epoch;
  readonly peers: readonly ReplicaPeer[];
}

/** Sends the records of one piece, in order. StoreError `corrupt` at the first that is bad; what the replicas throw. */
export async function replayPiece(records: Uint8Array, target: ReplayTarget): Promise<void> {
  let commits: EncodedRecord[] = [];
  let bytes = 0;
  const ship = async (): Promise<void> => {
    const shipment = { epoch: target.epoch, commits };
    commits = [];
    bytes = 0;
    await Promise.all(target.peers.map((peer) => peer.append(shipment)));
  };
  for (let at = 0; at < records.length; ) {
    const { record, length } = decodeRecord(records, at);
    const own = records.subarray(at, at + length);
    at += length;
    if (record.type === recordTypes.commit) {
      commits.push(reencode(record, own));
      bytes += length;
      if (bytes >= shipmentBytesMax) await ship();
    } else if (record.type === recordTypes.rows) {
      await ship();
      const rows = rowsOf(record, own);
      await Promise.all(target.peers.map((peer) => peer.copy(target.epoch, rows)));
    }
  }
  await ship();
}

function rowsOf(record: LogRecord, bytes: Uint8Array): readonly CopiedRow[] {
  return record.entries.map(({ key, value, bodyOffset }) => {
    const digest = digestOf(value);
    const { meta } = rowOf(key, value);
    const body =
      bodyOffset === undefined
        ? undefined
        : bytes.subarray(bodyOffset, bodyOffset + (digest?.length ?? 0));
    const lost = body === undefined ? digest : undefined;
    return { key, meta, sequence: sequenceOf(value), body, lost };
  });
}

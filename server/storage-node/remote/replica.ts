/** A shard's replica on a device of another machine, over one connection: when that ends, the replica is lost to its primary. */
import { type DeviceId, type Epoch, type Sequence, type ShardId } from '../../../base/units.ts';
import type { BodyDigest } from '../../../storage/shard/log/record.ts';
import type {
  CopiedRow,
  EpochStart,
  ReplicaPeer,
  ReplicaStatus,
  Shipment,
} from '../../../storage/shard/peer.ts';
import { decodeStatus, encodeCopiedRows, encodeHistory } from '../handlers/replica-head.ts';
import type { Reply } from '../wire/asking.ts';
import { flagIn, type Head, numbersIn, PieceReader } from '../wire/head.ts';
import { type Method, methods } from '../wire/methods.ts';
import { type Asker, patience } from './ask.ts';

const padding = new Uint8Array(8);

export class RemoteReplica implements ReplicaPeer {
  readonly device: DeviceId;
  readonly shard: ShardId;
  readonly #asker: Asker;

  constructor(asker: Asker, device: DeviceId, shard: ShardId) {
    this.#asker = asker;
    this.device = device;
    this.shard = shard;
  }

  #ask(method: Method, head: Head, bytes: readonly Uint8Array[] = []): Promise<Reply> {
    const { device, shard } = this;
    const timeoutMillis = patience.replicaMillis;
    return this.#asker.ask({ method, head: { device, shard, ...head }, bytes, timeoutMillis });
  }

  async status(epoch?: Epoch): Promise<ReplicaStatus> {
    const { head } = await this.#ask(methods.replicaStatus, epoch === undefined ? {} : { epoch });
    return decodeStatus(head);
  }

  async append({ epoch, commits }: Shipment): Promise<void> {
    const pieces: Uint8Array[] = [];
    for (const { pieces: own, length } of commits) {
      let written = 0;
      for (const piece of own) {
        pieces.push(piece);
        written += piece.length;
      }
      if (written < length) pieces.push(padding.subarray(0, length - written));
    }
    await this.#ask(methods.replicaAppend, { epoch }, pieces);
  }

  async begin(epoch: Epoch, start: Sequence): Promise<void> {
    await this.#ask(methods.replicaBegin, { epoch, start });
  }

  async initialise(epoch: Epoch): Promise<void> {
    await this.#ask(methods.replicaInitialise, { epoch });
  }

  async reset(epoch: Epoch): Promise<void> {
    await this.#ask(methods.replicaReset, { epoch });
  }

  async copy(epoch: Epoch, rows: readonly CopiedRow[]): Promise<void> {
    const { head, bytes } = encodeCopiedRows(rows);
    await this.#ask(methods.replicaCopy, { epoch, rows: head }, bytes);
  }

  async missing(limit: number): Promise<readonly Uint8Array[]> {
    const { head, bytes } = await this.#ask(methods.replicaMissing, { limit });
    const pieces = new PieceReader(bytes);
    return numbersIn(head, 'lengths').map((length) => pieces.next(length));
  }

  async level(epoch: Epoch, base: Sequence, history: readonly EpochStart[]): Promise<void> {
    await this.#ask(methods.replicaLevel, { epoch, base, history: encodeHistory(history) });
  }

  async readBody(key: Uint8Array, { length, hash }: BodyDigest): Promise<Uint8Array | undefined> {
    const head = { length, hash: hash.toString(16) };
    const reply = await this.#ask(methods.replicaReadBody, head, [key]);
    return flagIn(reply.head, 'found') ? reply.bytes : undefined;
  }

  async remove(epoch: Epoch): Promise<void> {
    await this.#ask(methods.replicaRemove, { epoch });
  }
}

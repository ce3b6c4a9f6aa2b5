/** Finds the pieces of backups among all fragments of all devices, and orders them into chains. */
import { isStoreError } from '../../../base/errors.ts';
import type {
  FragmentHeader,
  FragmentId,
  FragmentStore,
} from '../../../storage/fragment/fragment.ts';
import { compareProgress } from '../../../storage/shard/peer.ts';
import { backupKey } from '../../core/backup/backup-row.ts';
import type { Placement } from '../../proxy/placement.ts';
import { type BodyShape, readLooseBody } from './loose-body.ts';
import { decodePieceHead, isUnreadable, type PieceHeader } from './piece.ts';

export interface FoundPiece {
  readonly body: BodyShape;
  readonly header: PieceHeader;
}

/** A page of a device's index. */
const pageFragments = 1000;

/** By shard. In memory at once: some 500 bytes for each piece. */
export async function findPieces(
  placement: Placement,
  clusterId: string,
): Promise<ReadonlyMap<number, readonly FoundPiece[]>> {
  const bodies = new Map<string, BodyShape>();
  await onAllDevices(placement, (header) => {
    if (header.key === backupKey) bodies.set(header.objectId, header);
  });
  const found = new Map<number, FoundPiece[]>();
  for (const body of bodies.values()) {
    const header = await readHeader(placement, body);
    if (header?.clusterId !== clusterId) continue;
    const ofShard = found.get(header.shard);
    if (ofShard === undefined) found.set(header.shard, [{ body, header }]);
    else ofShard.push({ body, header });
  }
  return found;
}

/** All devices side by side. */
async function onAllDevices(
  placement: Placement,
  see: (header: FragmentHeader) => void,
): Promise<void> {
  const stores = placement.places().flatMap(({ store }) => store ?? []);
  await Promise.all(
    stores.map(async (store) => {
      for await (const header of bodiesOn(store)) see(header);
    }),
  );
}

/** Headers of all bodies that have a first stripe on a device; one that has several there may come more than once. */
async function* bodiesOn(store: FragmentStore): AsyncGenerator<FragmentHeader> {
  let after: FragmentId | undefined;
  do {
    const page = await store.scan(after, pageFragments);
    for (const id of page) {
      const header = id.stripe === 0 ? await headerOf(store, id) : undefined;
      if (header !== undefined) yield header;
    }
    after = page.at(-1);
  } while (after !== undefined);
}

/** Shows the headers of bodies other than pieces, of each as often as it has fragments in its first stripe. */
export async function visitBodies(
  placement: Placement,
  visit: (header: FragmentHeader) => void,
): Promise<void> {
  await onAllDevices(placement, (header) => {
    if (header.key !== backupKey) visit(header);
  });
}

async function headerOf(store: FragmentStore, id: FragmentId): Promise<FragmentHeader | undefined> {
  try {
    return (await store.read(id, { offset: 0, length: 0 }))?.header;
  } catch (error) {
    if (isStoreError(error, 'corrupt')) return undefined;
    throw error;
  }
}

async function readHeader(placement: Placement, body: BodyShape): Promise<PieceHeader | undefined> {
  const chunks: Uint8Array[] = [];
  try {
    for await (const stripe of readLooseBody(placement, body)) {
      chunks.push(stripe);
      const head = decodePieceHead(Buffer.concat(chunks));
      if (head !== undefined) return head.header;
    }
  } catch (error) {
    if (!isUnreadable(error)) throw error;
  }
  return undefined;
}

/** Chains from which a shard can be made, the one that leads furthest first; each in order. */
export function chainsOf(pieces: readonly FoundPiece[]): readonly (readonly FoundPiece[])[] {
  const byId = new Map(pieces.map((piece) => [piece.body.objectId, piece]));
  const heads = pieces
    .filter(({ header }) => header.status.condition === 'ready')
    .toSorted((a, b) => compareProgress(b.header.status, a.header.status));
  return heads.flatMap((head) => {
    const chain = chainTo(head, byId);
    return chain === undefined ? [] : [chain];
  });
}

/** Undefined: a piece before it is not there. */
function chainTo(
  head: FoundPiece,
  byId: ReadonlyMap<string, FoundPiece>,
): readonly FoundPiece[] | undefined {
  const chain = [head];
  for (let first = head; first.header.number > 0; ) {
    const { previous, number, chain: name } = first.header;
    const before = previous === undefined ? undefined : byId.get(previous);
    if (before?.header.chain !== name || before.header.number !== number - 1) return undefined;
    chain.unshift(before);
    first = before;
  }
  return chain;
}

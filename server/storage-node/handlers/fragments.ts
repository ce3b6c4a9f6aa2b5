/** A device's fragments, served to other nodes. */
import { reusedMemory } from '../../../base/memory/reused-memory.ts';
import { type DeviceId, deviceId } from '../../../base/units.ts';
import type { FragmentStore } from '../../../storage/fragment/fragment.ts';
import type { Handler, Request, Result } from '../wire/answering.ts';
import { asHead, type Head, listIn, numberIn, PieceReader, textIn } from '../wire/head.ts';
import { methods } from '../wire/methods.ts';
import { decodeFragmentHeader, decodeFragmentId } from './fragment-head.ts';

/** Throws `unavailable` when the device does not serve here. */
export type FragmentStores = (device: DeviceId) => FragmentStore;

const idsMax = 10_000;

export function fragmentHandlers(stores: FragmentStores): Map<number, Handler> {
  const storeOf = (head: Head): FragmentStore => stores(deviceId(numberIn(head, 'device')));
  return new Map<number, Handler>([
    [methods.fragmentAppend.number, (request) => append(storeOf(request.head), request)],
    [
      methods.fragmentCommit.number,
      async ({ head }) => {
        await storeOf(head).commit();
        return { head: {} };
      },
    ],
    [methods.fragmentRead.number, ({ head }) => read(storeOf(head), head)],
    [
      methods.fragmentHas.number,
      async ({ head }) => {
        const ids = listIn(head, 'ids').map((id) => decodeFragmentId(asHead(id)));
        return { head: { has: await storeOf(head).has(ids) } };
      },
    ],
    [
      methods.fragmentRemove.number,
      async ({ head }) => ({
        head: { count: await storeOf(head).remove(textIn(head, 'objectId')) },
      }),
    ],
    [
      methods.fragmentRemoveOne.number,
      async ({ head }) => {
        await storeOf(head).removeOne(decodeFragmentId(asHead(head['id'])));
        return { head: {} };
      },
    ],
    [
      methods.fragmentScan.number,
      async ({ head }) => {
        const after =
          head['after'] === undefined ? undefined : decodeFragmentId(asHead(head['after']));
        const limit = Math.min(numberIn(head, 'limit'), idsMax);
        return { head: { ids: await storeOf(head).scan(after, limit) } };
      },
    ],
  ]);
}

async function append(store: FragmentStore, { head, bytes }: Request): Promise<Result> {
  const pieces = new PieceReader(bytes);
  const fragments = listIn(head, 'headers').map((one) => {
    const header = decodeFragmentHeader(asHead(one));
    return { header, unit: pieces.next(header.unitLength) };
  });
  pieces.end();
  await store.append(fragments);
  reusedMemory.giveBack(bytes);
  return { head: {} };
}

async function read(store: FragmentStore, head: Head): Promise<Result> {
  const id = decodeFragmentId(asHead(head['id']));
  const range = head['range'] === undefined ? undefined : rangeOf(asHead(head['range']));
  const found = await store.read(id, range);
  if (found === undefined) return { head: {} };
  const { header, bytes } = found;
  return { head: { header }, bytes: [bytes], done: () => reusedMemory.giveBack(bytes) };
}

function rangeOf(head: Head): { offset: number; length: number } {
  return { offset: numberIn(head, 'offset'), length: numberIn(head, 'length') };
}

/** Reads bodies that no row names, from nothing but their fragments, wherever those lie. */
import { isStoreError, StoreError } from '../../../base/errors.ts';
import { fragmentIndex } from '../../../base/units.ts';
import type { Codec } from '../../../storage/erasure/codec.ts';
import type { FragmentHeader, FragmentRead } from '../../../storage/fragment/fragment.ts';
import { codeOf, type Place, type Placement } from '../../proxy/placement.ts';

/** What any fragment says of the body that it is of. */
export type BodyShape = Pick<FragmentHeader, 'objectId' | 'k' | 'm' | 'code'>;

/** Its stripes, in order, up to the last of which anything was found. StoreError `corrupt` where too little of one is left, `unavailable` where no policy stores bytes so. */
export async function* readLooseBody(
  placement: Placement,
  body: BodyShape,
): AsyncGenerator<Uint8Array> {
  const codec = codecFor(placement, body);
  for (let stripe = 0; ; stripe++) {
    const bytes = await readStripe(placement, codec, body, stripe);
    if (bytes === undefined) return;
    yield bytes;
  }
}

function codecFor(placement: Placement, { k, m, code }: BodyShape): Codec {
  const found = placement
    .all()
    .find(({ scheme }) => scheme.k === k && scheme.m === m && codeOf(scheme).code === code);
  if (found !== undefined) return found.codec;
  throw new StoreError('unavailable', 'body.read', `no policy stores bytes as ${k}+${m}`);
}

/** Undefined: no device has anything of it. */
async function readStripe(
  placement: Placement,
  codec: Codec,
  { objectId, k, m }: BodyShape,
  stripe: number,
): Promise<Uint8Array | undefined> {
  const ids = Array.from({ length: k + m }, (_, index) => ({
    ...{ objectId, stripe, index: fragmentIndex(index) },
  }));
  const places = await placement.search(ids);
  let usable = ids.flatMap(({ index }) => (places[index] === undefined ? [] : [index]));
  if (usable.length === 0) return undefined;
  const data = Array.from({ length: k }, (_, index) => index);
  const read = new Map<number, FragmentRead>();
  for (;;) {
    const plan = codec.plan(usable, data);
    if (plan === undefined) throw tooLittle(objectId, stripe, usable.length);
    const needed = new Set([...plan, ...data]);
    const unread = usable.filter((index) => needed.has(index) && !read.has(index));
    if (unread.length === 0) break;
    for (const index of unread) {
      const id = ids[index];
      const unit = id && (await readAt(places[index], id));
      if (unit === undefined) usable = usable.filter((other) => other !== index);
      else read.set(index, unit);
    }
  }
  const [first] = read.values();
  if (first === undefined) throw tooLittle(objectId, stripe, 0);
  const units = await codec.reconstruct(
    ids.map(({ index }) => read.get(index)?.bytes),
    data,
  );
  return Buffer.concat(units).subarray(0, first.header.stripeLength);
}

/** Undefined: it is bad, or gone, or its device is. */
async function readAt(
  place: Place | undefined,
  id: Parameters<NonNullable<Place['store']>['read']>[0],
): Promise<FragmentRead | undefined> {
  try {
    return await place?.store?.read(id);
  } catch (error) {
    if (isStoreError(error)) return undefined;
    throw error;
  }
}

function tooLittle(objectId: string, stripe: number, good: number): StoreError {
  const sentence = `stripe ${stripe} of ${objectId} has ${good} good fragments, too few`;
  return new StoreError('corrupt', 'body.read', sentence);
}

/** How a stored body is cut into stripes. */
import type { StoredBody } from '../core/model.ts';

type Cut = Pick<StoredBody, 'size' | 'stripeBytes'>;

export function stripesOf({ size, stripeBytes }: Cut): number {
  return Math.ceil(size / stripeBytes);
}

/** Bytes of the body that a stripe has: the last one may have fewer than the others. */
export function stripeLengthOf({ size, stripeBytes }: Cut, stripe: number): number {
  return Math.min(stripeBytes, size - stripe * stripeBytes);
}

import { hash } from 'node:crypto';
import { invariant } from '../base/invariant.ts';
import { type Partition, partition } from '../base/units.ts';
import type { Ring } from './ring.ts';

/** What one stored body is placed by. */
export interface Placed {
  readonly account: string;
  readonly container: string;
  readonly key: string;
  /**
   * 32 lower-case hexadecimal digits: the id of one stored body, so each version has its own place.
   */
  readonly objectId: string;
}

/**
 * The first 32 bits, big-endian, of SHA-256 over account, container, key and objectId, in this
 * order, each as UTF-8 bytes behind their count as a big-endian u32. The counts keep `a`, `bc`
 * apart from `ab`, `c`. Changing a bit of this loses every stored body: golden values pin it.
 */
export function placementHash({ account, container, key, objectId }: Placed): number {
  const fields = [account, container, key, objectId];
  const input = Buffer.allocUnsafe(
    fields.reduce((length, field) => length + 4 + Buffer.byteLength(field), 0),
  );
  let offset = 0;
  for (const field of fields) {
    const length = input.write(field, offset + 4);
    offset = input.writeUInt32BE(length, offset) + length;
  }
  invariant(offset === input.length, 'the hash covers exactly what was encoded');
  return hash('sha256', input, 'buffer').readUInt32BE(0);
}

/** The partition of one stored body: the top bits of its placement hash. */
export function partitionOf(ring: Pick<Ring, 'partitionPower'>, placed: Placed): Partition {
  const power = ring.partitionPower;
  invariant(power >= 1 && power <= 32, 'a ring has 2 to 2^32 partitions');
  return partition(placementHash(placed) >>> (32 - power));
}

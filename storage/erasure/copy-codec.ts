import type { Codec } from './codec.ts';
import { allocateUnits, assessLoss, haveOneLength, lengthOfData } from './units.ts';
import { lengthOfStripe, pickUnits, planOfAny } from './units.ts';

function copies(of: Uint8Array, count: number): readonly Uint8Array[] {
  const units = allocateUnits(count, of.length);
  for (const unit of units) unit.set(of);
  return units;
}

/** k = 1: with one column the systematic matrix is all ones, so that every unit is a copy. */
export function createCopyCodec(m: number): Codec {
  const shape = { k: 1, m };
  return {
    ...shape,
    async encode(data) {
      lengthOfData(data, shape);
      return data.flatMap((unit) => copies(unit, m));
    },
    async encodeInto(data, parity) {
      lengthOfStripe(data, parity, shape);
      for (const from of data) for (const unit of parity) unit.set(from);
    },
    plan: (present, wanted) => planOfAny(present, wanted, shape),
    async reconstruct(units, wanted) {
      const { sources } = assessLoss(units, wanted, shape);
      return pickUnits(units, sources).flatMap((unit) => copies(unit, wanted.length));
    },
    async verify(units) {
      const [data, ...parity] = units;
      if (!haveOneLength(units, shape) || data === undefined) return false;
      return parity.every((unit) => Buffer.compare(unit, data) === 0);
    },
  };
}

/** Divides containers that are too large for one shard: the shard layer says which, and when (decision 0036). */
import type { Clock } from '../../../base/clock.ts';
import { StoreError } from '../../../base/errors.ts';
import type { Random } from '../../../base/random.ts';
import { scanRows } from '../../../storage/shard/list.ts';
import type { ShardPrimary } from '../../../storage/shard/primary/primary.ts';
import type { Divider, Division } from '../../../storage/shard/ranges/division.ts';
import { type Extent, owns } from '../../../storage/shard/ranges/extent.ts';
import type { Id, UsageRow } from '../../core/model.ts';
import { encodeKey, localRange, readRow } from '../../proxy/row-codec.ts';
import { Pour } from './pour.ts';

/** Fewer versions than this are not worth a second piece. */
const versionsMin = 20_000;

export interface PourerOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Rows a table in one commit; undefined: some hundred. */
  readonly pouredRows?: number | undefined;
}

export class Pourer implements Divider {
  readonly #options: PourerOptions;

  constructor(options: PourerOptions) {
    this.#options = options;
  }

  async begun(primary: ShardPrimary): Promise<Division | undefined> {
    const { index, rows } = primary.local;
    await primary.local.flush();
    const found = await scanRows(index, rows.prefix, { ...localRange('pour'), limit: 100 });
    const { extent } = primary.range;
    const own = found.find((row) => {
      if (primary.range.isForeign(row, primary.local)) return false;
      // A shard that was made again from an older backup may have forgotten that it was over.
      return owns(extent, readRow<'pour'>(row).into);
    });
    if (own === undefined) return undefined;
    const { containerId: id, into } = readRow<'pour'>(own);
    return this.#pour(primary, id, into);
  }

  async begin(primary: ShardPrimary, id: string): Promise<Division> {
    primary.range.checkId(id);
    const { versions = 0, uploads = 0 } = usageOf(primary, id) ?? {};
    if (versions + uploads < 2) {
      throw new StoreError('conflict', 'shard.divide', 'nothing lies there that could be parted');
    }
    const into = idWithin(primary.range.extent, this.#options.random);
    return this.#pour(primary, id, into);
  }

  #pour(primary: ShardPrimary, id: Id, into: Id): Pour {
    const { clock, pouredRows } = this.#options;
    return new Pour({ primary, id, into, clock, pouredRows });
  }

  isWorthwhile(primary: ShardPrimary, id: string): boolean {
    return (usageOf(primary, id)?.versions ?? 0) >= versionsMin;
  }
}

function usageOf({ local }: ShardPrimary, containerId: string): UsageRow | undefined {
  const row = local.get(encodeKey('usage', { containerId }));
  return row && readRow<'usage'>(row);
}

/** An id of 16 bytes that the shard owns, and that nothing has. */
function idWithin({ start, end }: Extent, random: Random): string {
  const first = BigInt(`0x${start === '' ? '0' : start}`);
  const behind = end === undefined ? 1n << 128n : BigInt(`0x${end}`);
  const drawn = BigInt(`0x${Buffer.from(random.bytes(24)).toString('hex')}`);
  return (first + (drawn % (behind - first))).toString(16).padStart(32, '0');
}

/** What is remembered of a deletion in a container that is in step with others (decision 0047). */
import type { Micros } from '../../../../base/units.ts';
import type { ContainerRow } from '../../model.ts';

/** There while no object has the key; one that was left behind by a newer object says nothing. */
export interface TombstoneRow {
  /** Stamp of the commit that wrote it. */
  readonly version: Micros;
  /** When the deletion was made, here or in another store: what was made no later stays deleted. */
  readonly madeAt: Micros;
  /** The queue row that ends it. */
  readonly forget: { readonly dueAt: number; readonly id: string };
}

/** An owner's key, which another store's requests are signed with: changes may come from elsewhere. */
export const syncKeySetting = 'swift:sync-key';

/** Whether changes come from other stores, or go there, so that their order in time decides. */
export function isInStep({ settings, feeds }: Pick<ContainerRow, 'settings' | 'feeds'>): boolean {
  if (settings[syncKeySetting] !== undefined) return true;
  return feeds?.some(({ purpose }) => purpose === 'sync') === true;
}

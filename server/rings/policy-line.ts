import type { PolicyState } from '../../storage/shard/coordinator.ts';

type Rings = Pick<PolicyState, 'ring' | 'former' | 'isClosing' | 'goal'>;

/** A policy's line with these rings instead. Lines are compared as text: their fields stand in one order. */
export function lineWith(
  { name, aliases, isDeprecated, scheme }: Omit<PolicyState, keyof Rings>,
  { ring, former = [], isClosing, goal }: Rings,
): PolicyState {
  return {
    name,
    ...(aliases === undefined || aliases.length === 0 ? {} : { aliases }),
    ...(isDeprecated === true ? { isDeprecated } : {}),
    scheme,
    ring,
    ...(former.length === 0 ? {} : { former }),
    ...(isClosing === true ? { isClosing } : {}),
    ...(goal === undefined ? {} : { goal }),
  };
}

import { invariant } from '../../../base/invariant.ts';
import type { Permit } from '../../core/access/permit.ts';
import type { Call } from '../call.ts';

/** What let the request in. */
export function permitOf(call: Call): Permit {
  const { permit } = call.context;
  invariant(permit !== undefined, 'a request is let in before it is answered');
  return permit;
}

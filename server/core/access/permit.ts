import type { ResolvedContainer } from '../container/find.ts';
import type { Action } from './actions.ts';

/** What was decided: operations on the same place need not ask again. */
export interface Permit {
  readonly account: string;
  /** '' for the account itself. */
  readonly container: string;
  readonly key: string | undefined;
  /** undefined: there was no such container. */
  readonly found: ResolvedContainer | undefined;
  /** Empty where nothing was asked. */
  readonly actions: readonly Action[];
  /** What let the first of the actions pass; undefined where nothing was asked. */
  readonly leave: Leave | undefined;
}

/** `owner`: of the account, or named one by it. `role`: a reader, or the holder of a signed permission. Else which kind of rule says so. */
export type Leave = 'owner' | 'role' | 'policy' | 'acl';

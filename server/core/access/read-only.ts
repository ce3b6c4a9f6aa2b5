/** Writing that an operator has switched off, for a while or for good, through both doors. */
import { StoreError } from '../../../base/errors.ts';
import { type Action, isReading } from './actions.ts';

export interface ReadOnly {
  /** Every account that is not named. */
  readonly all: boolean;
  readonly accounts: Readonly<Record<string, boolean>>;
  /** Deletions make room: they may go on. */
  readonly allowDeletes: boolean;
}

export const neverReadOnly: ReadOnly = { all: false, accounts: {}, allowDeletes: false };

const deletions: ReadonlySet<Action> = new Set([
  'object.delete',
  'object.delete-version',
  'container.delete',
]);

/** Throws `read-only`, whoever asks. */
export function checkWritable(readOnly: ReadOnly, account: string, action: Action): void {
  if (isReading(action)) return;
  if (!(readOnly.accounts[account] ?? readOnly.all)) return;
  if (readOnly.allowDeletes && deletions.has(action)) return;
  throw new StoreError('read-only', action, 'Writes are disabled for this account.');
}

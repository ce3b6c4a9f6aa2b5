import type { Clock } from '../../../base/clock.ts';
import { accountIdOf } from '../ids.ts';
import type { Id, Metadata } from '../model.ts';
import { type AccountQuota, accountQuotaOf } from '../quota/account-limits.ts';
import type { RowStore } from '../ports.ts';

/** How long another process may take to see that the settings of an account changed. */
const KNOWN_MILLIS = 1000;
/** Accounts of some hundred bytes. */
const MOST = 10_000;

interface Source {
  readonly clock: Clock;
  readonly rows: RowStore;
}

interface Known {
  readonly settings: Metadata;
  readonly quota: AccountQuota | undefined;
  readonly until: number;
}

/**
 * What every request of an account asks for, and nearly no account has: remembered for a second, and
 * forgotten at once by the process that changes it. Rules of access, sums and keys are never read here.
 */
export class KnownAccounts {
  readonly #known = new Map<Id, Known>();

  async of({ clock, rows }: Source, account: string): Promise<Known> {
    const accountId = accountIdOf(account);
    const known = this.#known.get(accountId);
    const now = clock.monotonic();
    if (known !== undefined && known.until > now) return known;
    const row = await rows.get('account', { accountId });
    const settings = row?.settings ?? {};
    const fresh = { settings, quota: accountQuotaOf(settings), until: now + KNOWN_MILLIS };
    const oldest = this.#known.keys().next().value;
    if (this.#known.size >= MOST && oldest !== undefined) this.#known.delete(oldest);
    this.#known.set(accountId, fresh);
    return fresh;
  }

  forget(account: string): void {
    this.#known.delete(accountIdOf(account));
  }
}

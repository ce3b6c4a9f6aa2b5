/** Secrets by which owners let others do single things (Swift's TempURL and FormPost): they stand in the metadata of accounts and containers. */
import { findByAccount } from '../container/find.ts';
import { accountIdOf } from '../ids.ts';
import { CLIENT_SETTING } from '../metadata.ts';
import type { Metadata } from '../model.ts';
import type { Services } from '../services.ts';

const names = ['temp-url-key', 'temp-url-key-2'] as const;

/** A key, and whether it speaks for the whole account or for its container. */
export interface SigningKey {
  readonly key: string;
  readonly scope: 'account' | 'container';
}

/** For whoever checks a signature, and for nothing else: nobody is asked whether he may see them. */
export async function signingKeys(
  services: Services,
  at: { readonly account: string; readonly container: string },
): Promise<readonly SigningKey[]> {
  const { account, container } = at;
  const [row, found] = await Promise.all([
    services.rows.get('account', { accountId: accountIdOf(account) }),
    findByAccount(services, account, container),
  ]);
  return [
    ...keysIn(row?.metadata ?? {}, '').map((key) => ({ key, scope: 'account' as const })),
    ...keysIn(found?.row.settings ?? {}, CLIENT_SETTING).map((key) => ({
      ...{ key, scope: 'container' as const },
    })),
  ];
}

function keysIn(metadata: Metadata, prefix: string): readonly string[] {
  return names.flatMap((name) => {
    const key = metadata[prefix + name];
    return key === undefined || key === '' ? [] : [key];
  });
}

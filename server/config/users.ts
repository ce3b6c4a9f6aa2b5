import { createHash } from 'node:crypto';
import type { UserDirectory, UserEntry } from '../core/users.ts';
import type { UserSettings } from './settings.ts';

/** Model account name of a configured account: Swift's reseller prefix and the name. */
export function accountName(account: string): string {
  return `AUTH_${account}`;
}

function entryOf(user: UserSettings): UserEntry {
  const account = accountName(user.account);
  return {
    account,
    user: user.user,
    role: user.role,
    ...(user.key === undefined
      ? {}
      : { swift: { login: `${user.account}:${user.user}`, key: user.key } }),
    s3: user.s3Keys,
    canonicalId: user.canonicalId ?? createHash('sha256').update(account).digest('hex'),
    displayName: user.displayName ?? user.account,
  };
}

export function createUserDirectory(users: readonly UserSettings[]): UserDirectory {
  const entries = users.map(entryOf);
  const byKey = new Map<string, { entry: UserEntry; secretAccessKey: string }>();
  const byLogin = new Map<string, UserEntry>();
  const owners = new Map<string, { id: string; displayName: string }>();
  for (const entry of entries) {
    for (const { accessKeyId, secretAccessKey } of entry.s3 ?? []) {
      byKey.set(accessKeyId, { entry, secretAccessKey });
    }
    if (entry.swift !== undefined) byLogin.set(entry.swift.login, entry);
    if (!owners.has(entry.account)) {
      owners.set(entry.account, { id: entry.canonicalId, displayName: entry.displayName });
    }
  }
  return {
    byAccessKey: (accessKeyId) => byKey.get(accessKeyId),
    byLogin: (login) => byLogin.get(login),
    ownerOf: (account) =>
      owners.get(account) ?? {
        id: createHash('sha256').update(account).digest('hex'),
        displayName: account,
      },
  };
}

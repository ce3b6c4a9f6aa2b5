import {
  type UserDirectory,
  type UserEntry,
  accountNameOf,
  derived,
  directoryOf,
} from '../core/users.ts';
import type { UserSettings } from './settings.ts';

function entryOf(user: UserSettings): UserEntry {
  const account = accountNameOf(user.account);
  return {
    account,
    user: user.user,
    role: user.role,
    groups: user.groups,
    ...(user.key === undefined
      ? {}
      : { swift: { login: `${user.account}:${user.user}`, key: user.key } }),
    s3: user.s3Keys,
    canonicalId: user.canonicalId ?? derived(account).canonicalId,
    displayName: user.displayName ?? user.account,
    email: user.email,
  };
}

export function createUserDirectory(users: readonly UserSettings[]): UserDirectory {
  return directoryOf(users.map(entryOf));
}

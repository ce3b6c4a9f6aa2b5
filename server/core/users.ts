/** Who may sign in: from the configuration and data/credentials.json. Both doors read it. */
import type { Principal } from './api.ts';

export interface UserEntry {
  readonly account: string; // model account name, e.g. `AUTH_test`
  readonly user: string;
  readonly role: Principal['role'];
  /** TempAuth: sign-in name `tempauthAccount:user` and key. */
  readonly swift?: { readonly login: string; readonly key: string } | undefined;
  readonly s3?:
    | readonly { readonly accessKeyId: string; readonly secretAccessKey: string }[]
    | undefined;
  /** S3 Owner ID and DisplayName of the account. */
  readonly canonicalId: string;
  readonly displayName: string;
}

export interface UserDirectory {
  byAccessKey(
    accessKeyId: string,
  ): { readonly entry: UserEntry; readonly secretAccessKey: string } | undefined;
  byLogin(login: string): UserEntry | undefined;
  /** S3 Owner of an account. */
  ownerOf(account: string): { readonly id: string; readonly displayName: string };
}

export function principalOf(entry: UserEntry): Principal {
  return { type: 'user', account: entry.account, user: entry.user, role: entry.role };
}

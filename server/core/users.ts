/** Who may sign in: from the configuration and data/credentials.json. Both doors read it. */
import { createHash } from 'node:crypto';
import { groupName, type Principal } from './access/principal.ts';

export interface UserEntry {
  readonly account: string; // model account name, e.g. `AUTH_test`
  readonly user: string;
  readonly role: Principal['role'];
  /** Names beside those of its account, by which rules may mean it. */
  readonly groups?: readonly string[] | undefined;
  /** TempAuth: sign-in name `tempauthAccount:user` and key. */
  readonly swift?: { readonly login: string; readonly key: string } | undefined;
  readonly s3?:
    | readonly { readonly accessKeyId: string; readonly secretAccessKey: string }[]
    | undefined;
  /** S3 Owner ID and DisplayName of the account. */
  readonly canonicalId: string;
  readonly displayName: string;
  /** Of the account, for grants that name it so. */
  readonly email?: string | undefined;
}

export interface UserDirectory {
  byAccessKey(
    accessKeyId: string,
  ): { readonly entry: UserEntry; readonly secretAccessKey: string } | undefined;
  byLogin(login: string): UserEntry | undefined;
  /** S3 Owner of an account. */
  ownerOf(account: string): { readonly id: string; readonly displayName: string };
  /** The account that a text means: its name, with or without prefix, or its canonical id. */
  accountOf(text: string): string | undefined;
  accountOfId(canonicalId: string): string | undefined;
  /** Addresses compare without case. */
  accountOfEmail(email: string): string | undefined;
}

const ACCOUNT_PREFIX = 'AUTH_';

/** Model account name of a configured account: Swift's reseller prefix and the name. */
export function accountNameOf(account: string): string {
  return ACCOUNT_PREFIX + account;
}

/** The configured name of an account. */
export function accountTextOf(account: string): string {
  return account.startsWith(ACCOUNT_PREFIX) ? account.slice(ACCOUNT_PREFIX.length) : account;
}

const principals = new WeakMap<UserEntry, Principal>();

export function principalOf(entry: UserEntry): Principal {
  const known = principals.get(entry);
  if (known !== undefined) return known;
  const { account, user, role } = entry;
  const principal: Principal = { type: 'user', account, user, role, names: groupNamesOf(entry) };
  principals.set(entry, principal);
  return principal;
}

/** TempAuth's groups: the account, the login, those configured; and the account's path name for those who own it. */
function groupNamesOf(entry: UserEntry): readonly string[] {
  const { account, user, role, groups = [] } = entry;
  const text = accountTextOf(account);
  const names = [text, `${text}:${user}`, ...groups, ...(role === 'owner' ? [account] : [])];
  return names.map(groupName);
}

/** Where several entries describe one account, the first one does. */
export function directoryOf(entries: readonly UserEntry[]): UserDirectory {
  const byKey = new Map<string, { entry: UserEntry; secretAccessKey: string }>();
  const byLogin = new Map<string, UserEntry>();
  const accounts = new Map<string, UserEntry>();
  const byId = new Map<string, string>();
  const byEmail = new Map<string, string>();
  for (const entry of entries) {
    for (const { accessKeyId, secretAccessKey } of entry.s3 ?? []) {
      byKey.set(accessKeyId, { entry, secretAccessKey });
    }
    if (entry.swift !== undefined) byLogin.set(entry.swift.login, entry);
    const { account, email } = entry;
    if (!accounts.has(account)) accounts.set(account, entry);
    const { canonicalId } = accounts.get(account) ?? entry;
    if (!byId.has(canonicalId)) byId.set(canonicalId, account);
    if (email !== undefined) byEmail.set(email.toLowerCase(), account);
  }
  return {
    byAccessKey: (accessKeyId) => byKey.get(accessKeyId),
    byLogin: (login) => byLogin.get(login),
    ownerOf: (account) => {
      const { canonicalId: id, displayName } = accounts.get(account) ?? derived(account);
      return { id, displayName };
    },
    accountOf: (text) =>
      [text, accountNameOf(text)].find((one) => accounts.has(one)) ?? byId.get(text),
    accountOfId: (canonicalId) => byId.get(canonicalId),
    accountOfEmail: (email) => byEmail.get(email.toLowerCase()),
  };
}

/** Of an account that no entry describes: its id follows from its name. */
export function derived(account: string): Pick<UserEntry, 'canonicalId' | 'displayName'> {
  return {
    canonicalId: createHash('sha256').update(account).digest('hex'),
    displayName: account,
  };
}

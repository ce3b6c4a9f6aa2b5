/** Whom a policy means, as names of the model; and how this door writes a principal. */
import {
  type Principal,
  everyone,
  ownerName,
  serviceName,
  userName,
} from '../../core/access/principal.ts';
import { type UserDirectory, accountNameOf, accountTextOf } from '../../core/users.ts';
import { type PrincipalEntry, malformedPolicy } from './document.ts';

/**
 * The accounts of the model that a text may mean: a configured name, a canonical id, or the name as
 * it stands in paths. An account that does not exist (yet) is meant by its name.
 */
function accountsOf(text: string, users: UserDirectory): readonly string[] {
  const known = users.accountOf(text);
  return known === undefined ? [text, accountNameOf(text)] : [known];
}

/** Throws `MalformedPolicy`. */
export function principalNames(entry: PrincipalEntry, users: UserDirectory): readonly string[] {
  const { type, value } = entry;
  switch (type) {
    case 'Service':
      if (!/^[a-z0-9.-]{1,128}$/.test(value)) throw invalidPrincipal();
      return [serviceName(value)];
    case 'CanonicalUser': {
      const account = users.accountOfId(value);
      if (account === undefined) throw invalidPrincipal();
      return [ownerName(account)];
    }
    case 'AWS':
      return value === '*' ? [everyone] : namesOfArn(value, users);
  }
}

function namesOfArn(text: string, users: UserDirectory): readonly string[] {
  if (/^[\w.@+-]{1,256}$/.test(text)) return accountsOf(text, users).map(ownerName);
  const match = /^arn:aws[\w-]*:iam::([\w.@+-]{1,256}):(root|user\/([\w./@+=,-]{1,256}))$/.exec(
    text,
  );
  const [, account, what, user] = match ?? [];
  // Roles and sessions of roles: nothing here can be one, so the text can only be a mistake.
  if (account === undefined) throw invalidPrincipal();
  const accounts = accountsOf(account, users);
  if (what === 'root' || user === undefined) return accounts.map(ownerName);
  return accounts.map((one) => userName(one, user));
}

function invalidPrincipal(): Error {
  return malformedPolicy('Invalid principal in policy');
}

/** undefined: nobody, who has none. */
export function principalArn(principal: Principal): string | undefined {
  if (principal.type !== 'user') return undefined;
  return `arn:aws:iam::${accountTextOf(principal.account)}:user/${principal.user}`;
}

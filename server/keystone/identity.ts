/** What a token of Keystone says, and what that means here (swift/common/middleware/keystoneauth.py, in its order). */
import { z } from 'zod';
import { groupName, type Principal } from '../core/access/principal.ts';
import type { AccountKind, KeystoneSettings } from './settings.ts';

const domain = z.object({ id: z.string().nullable(), name: z.string().nullish() });
const named = z.object({ id: z.string(), name: z.string(), domain: domain.nullish() });

const tokenSchema = z.object({
  token: z.object({
    expires_at: z.string(),
    user: named,
    project: named.nullish(),
    roles: z.array(z.object({ name: z.string() })).default([]),
  }),
});

interface Named {
  readonly id: string;
  readonly name: string;
  readonly domainId: string | undefined;
}

export interface Identity {
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  readonly user: Named;
  /** undefined: the token is for no project, and opens no account. */
  readonly project: Named | undefined;
  /** Lower case. */
  readonly roles: readonly string[];
  readonly roleNames: readonly string[];
}

/** undefined: that is no token as Keystone describes them. */
export function readIdentity(body: unknown): Identity | undefined {
  const parsed = tokenSchema.safeParse(body);
  if (!parsed.success) return undefined;
  const { expires_at: end, user, project, roles } = parsed.data.token;
  const expiresAt = Date.parse(end);
  if (Number.isNaN(expiresAt)) return undefined;
  return {
    expiresAt,
    user: namedOf(user),
    project: project === null || project === undefined ? undefined : namedOf(project),
    roles: roles.map(({ name }) => name.toLowerCase()),
    roleNames: roles.map(({ name }) => name),
  };
}

function namedOf({ id, name, domain: home }: z.infer<typeof named>): Named {
  return { id, name, domainId: home?.id ?? undefined };
}

/** `serviceRoles`: of the service token, lower case. */
export function principalOf(
  identity: Identity,
  serviceRoles: readonly string[],
  settings: KeystoneSettings,
): Principal {
  const { user, project, roles, roleNames } = identity;
  const owned = ownedAccounts(identity, serviceRoles, settings);
  const read = readAccounts(identity, settings);
  const isReseller = roles.includes(settings.resellerRole);
  const readsAll = settings.systemReaderRoles.some((role) => roles.includes(role));
  const homes =
    project === undefined ? [] : settings.accounts.map((one) => one.prefix + project.id);
  const [account = ''] = homes;
  return {
    type: 'user',
    account,
    user: user.id,
    role: isReseller ? 'reseller' : owned.length > 0 ? 'owner' : 'member',
    owns: owned,
    reads: readsAll ? 'all' : read,
    names: aclNames([user.id], [project?.id]),
    // ACLs may write a role as Keystone does, or in lower case.
    namesAtHome: [...new Set([...roles, ...roleNames])].map(groupName),
    ...namesFor(identity, settings),
    homes,
  };
}

function ownedAccounts(
  { project, roles }: Identity,
  serviceRoles: readonly string[],
  settings: KeystoneSettings,
): readonly string[] {
  if (project === undefined) return [];
  const isOwned = (kind: AccountKind): boolean =>
    kind.operatorRoles.some((role) => roles.includes(role)) &&
    (kind.serviceRoles.length === 0 ||
      kind.serviceRoles.some((role) => serviceRoles.includes(role)));
  return settings.accounts.filter(isOwned).map((kind) => kind.prefix + project.id);
}

function readAccounts({ project, roles }: Identity, settings: KeystoneSettings): readonly string[] {
  if (project === undefined) return [];
  return settings.accounts
    .filter((kind) => kind.readerRoles.some((role) => roles.includes(role)))
    .map((kind) => kind.prefix + project.id);
}

/** `project:user` as ACLs have them, each of the two by what it is called or by `*`. */
function aclNames(
  users: readonly string[],
  projects: readonly (string | undefined)[],
): readonly string[] {
  const left = [...projects.filter((one) => one !== undefined), '*'];
  return left.flatMap((one) => [...users, '*'].map((two) => groupName(`${one}:${two}`)));
}

/** Names are unique within a domain only: they count where user, project and account are of the default one. */
function namesFor(
  { user, project }: Identity,
  settings: KeystoneSettings,
): Pick<Principal, 'namesInDomain' | 'domain'> {
  const { defaultDomainId, namesInAcls } = settings;
  const isDefault = (one: Named | undefined): boolean =>
    (one?.domainId ?? defaultDomainId) === defaultDomainId;
  const domain = project?.domainId;
  const domainId = domain === undefined ? {} : { domain };
  if (!namesInAcls || !isDefault(user) || !isDefault(project)) return domainId;
  const names = aclNames([user.id, user.name], [project?.id, project?.name]);
  return { ...domainId, namesInDomain: { domain: defaultDomainId, names } };
}

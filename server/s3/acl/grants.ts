/**
 * Access control lists: who is granted what, as S3 has it. Stored as JSON with accounts of the model,
 * in a bucket's settings and an object's `system`; nothing is stored for the list that everything begins with.
 */
import type { Metadata } from '../../core/model.ts';

/** Where a list stands. */
export const ACL = 's3:acl';
/** The account that an object belongs to, where that is not the bucket's. '' is whoever showed no credentials. */
export const OWNER = 's3:owner';

export const permissions = ['READ', 'WRITE', 'READ_ACP', 'WRITE_ACP', 'FULL_CONTROL'] as const;
export type Permission = (typeof permissions)[number];

export const groups = ['AllUsers', 'AuthenticatedUsers', 'LogDelivery'] as const;
export type Group = (typeof groups)[number];

export type Grantee =
  | { readonly type: 'account'; readonly account: string }
  | { readonly type: 'group'; readonly group: Group };

export interface Grant {
  readonly grantee: Grantee;
  readonly permission: Permission;
}

export function ofAccount(account: string, permission: Permission): Grant {
  return { grantee: { type: 'account', account }, permission };
}

function ofGroup(group: Group, permission: Permission): Grant {
  return { grantee: { type: 'group', group }, permission };
}

/** Whom canned lists speak of. */
export interface Owners {
  /** Of the bucket, or of the object. */
  readonly owner: string;
  readonly bucketOwner: string;
}

const canned = {
  private: () => [],
  'public-read': () => [ofGroup('AllUsers', 'READ')],
  'public-read-write': () => [ofGroup('AllUsers', 'READ'), ofGroup('AllUsers', 'WRITE')],
  'authenticated-read': () => [ofGroup('AuthenticatedUsers', 'READ')],
  'bucket-owner-read': ({ bucketOwner }: Owners) => [ofAccount(bucketOwner, 'READ')],
  'bucket-owner-full-control': ({ bucketOwner }: Owners) => [
    ofAccount(bucketOwner, 'FULL_CONTROL'),
  ],
  'log-delivery-write': () => [ofGroup('LogDelivery', 'WRITE'), ofGroup('LogDelivery', 'READ_ACP')],
} satisfies Record<string, (owners: Owners) => Grant[]>;

export type CannedAcl =
  | 'private'
  | 'public-read'
  | 'public-read-write'
  | 'authenticated-read'
  | 'bucket-owner-read'
  | 'bucket-owner-full-control'
  | 'log-delivery-write';

export function isCannedAcl(text: string): text is CannedAcl {
  return Object.hasOwn(canned, text);
}

/** The grants that a canned list stands for; the owner always has full control. */
export function expandCanned(name: CannedAcl, owners: Owners): readonly Grant[] {
  const { owner, bucketOwner } = owners;
  // To its own owner a list cannot grant less than everything.
  const isOwn = name.startsWith('bucket-owner') && owner === bucketOwner;
  return [ofAccount(owner, 'FULL_CONTROL'), ...(isOwn ? [] : canned[name](owners))];
}

export function isPublicGrant({ grantee }: Grant): boolean {
  return grantee.type === 'group' && grantee.group !== 'LogDelivery';
}

function isAccountGrant(grant: Grant | undefined, account: string): boolean {
  return grant?.grantee.type === 'account' && grant.grantee.account === account;
}

/** The list that everything begins with: full control for its owner, and nothing else. */
export function isDefaultAcl(grants: readonly Grant[], owner: string): boolean {
  const [only, ...others] = grants;
  return others.length === 0 && isAccountGrant(only, owner) && only?.permission === 'FULL_CONTROL';
}

/** Whether it lets in nobody but these. */
export function isWithin(grants: readonly Grant[], accounts: readonly string[]): boolean {
  return grants.every((grant) => accounts.some((account) => isAccountGrant(grant, account)));
}

/** The text to keep; null for the default list. */
export function storedAcl(grants: readonly Grant[], owner: string): string | null {
  if (isDefaultAcl(grants, owner)) return null;
  return JSON.stringify(
    grants.map(({ grantee, permission }) =>
      grantee.type === 'account'
        ? { permission, account: grantee.account }
        : { permission, group: grantee.group },
    ),
  );
}

/** Of a stored text; what cannot be read of it grants nothing. */
export function readStoredAcl(text: string | undefined, owner: string): readonly Grant[] {
  if (text === undefined) return [ofAccount(owner, 'FULL_CONTROL')];
  const value: unknown = parseJson(text);
  if (!Array.isArray(value)) return [];
  return value.flatMap((item: unknown) => readStoredGrant(item) ?? []);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // SyntaxError is the only thing it throws.
    return undefined;
  }
}

function readStoredGrant(item: unknown): Grant | undefined {
  if (typeof item !== 'object' || item === null) return undefined;
  const fields = item as Readonly<Record<string, unknown>>;
  const permission = permissions.find((one) => one === fields['permission']);
  if (permission === undefined) return undefined;
  const { account } = fields;
  if (typeof account === 'string') return ofAccount(account, permission);
  const group = groups.find((one) => one === fields['group']);
  return group === undefined ? undefined : ofGroup(group, permission);
}

/** The account that an object belongs to. */
export function objectOwner(system: Metadata, bucketOwner: string): string {
  return system[OWNER] ?? bucketOwner;
}

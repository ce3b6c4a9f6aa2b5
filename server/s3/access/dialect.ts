/** What this door's texts in rows mean to core's evaluator: policies, lists, ownership, public access block. */
import { type Action, allActions } from '../../core/access/actions.ts';
import {
  type Principal,
  authenticated,
  everyone,
  ownerName,
  serviceName,
} from '../../core/access/principal.ts';
import type {
  AccessDialect,
  ObjectRules,
  PublicLimits,
  Rules,
  Statement,
} from '../../core/access/rules.ts';
import type { Subject } from '../../core/access/facts.ts';
import type { ContainerRow, Metadata, VersionRow } from '../../core/model.ts';
import { type UserDirectory, accountTextOf } from '../../core/users.ts';
import {
  ACL,
  type Grant,
  type Grantee,
  OWNER,
  type Permission,
  isPublicGrant,
  objectOwner,
  ofAccount,
  readStoredAcl,
} from '../acl/grants.ts';
import { OWNERSHIP, ownershipOf } from '../acl/ownership.ts';
import { PUBLIC_BLOCK, readStoredBlock } from '../acl/public-block.ts';
import { compilePolicy } from '../policy/compile.ts';
import { parsePolicyDocument } from '../policy/document.ts';
import { principalArn } from '../policy/principals.ts';
import { TAGGING, readStoredTags } from '../tagging/tags.ts';

/** Where a bucket's policy stands, as it was sent. */
export const POLICY = 's3:policy';

export const LOG_DELIVERY = 'logging.s3.amazonaws.com';

export function createS3Dialect(users: UserDirectory): AccessDialect {
  return {
    containerRules: (row) => containerRules(row, users),
    accountRules: (settings) => ({ statements: [], limits: limitsOf(settings) }),
    objectRules,
    facts,
  };
}

function containerRules(row: ContainerRow, users: UserDirectory): Rules | undefined {
  const { settings } = row;
  if (![POLICY, ACL, OWNERSHIP, PUBLIC_BLOCK].some((name) => settings[name] !== undefined)) {
    return undefined;
  }
  const countsAcls = ownershipOf(settings) !== 'BucketOwnerEnforced';
  const grants = countsAcls ? readStoredAcl(settings[ACL], row.account) : [];
  const ofList = grants.flatMap((grant) => toStatement(grant, bucketPermissions) ?? []);
  return {
    statements: [...policyStatements(row, users), ...ofList],
    limits: limitsOf(settings),
    ownedByWriter: countsAcls,
  };
}

const denyAll: Statement = {
  effect: 'deny',
  origin: 'policy',
  principals: new Set([everyone]),
  actions: new Set(allActions),
};

function policyStatements(row: ContainerRow, users: UserDirectory): readonly Statement[] {
  const text = row.settings[POLICY];
  if (text === undefined) return [];
  try {
    return compilePolicy(parsePolicyDocument(text), { users, bucket: row.name });
  } catch {
    // It was checked when it was set. What cannot be read any more must not stop denying.
    return [denyAll];
  }
}

function limitsOf(settings: Metadata): Partial<PublicLimits> | undefined {
  const block = readStoredBlock(settings);
  if (block === undefined) return undefined;
  return {
    refusePublicAcls: block.BlockPublicAcls,
    ignorePublicAcls: block.IgnorePublicAcls,
    refusePublicPolicies: block.BlockPublicPolicy,
    restrictPublic: block.RestrictPublicBuckets,
  };
}

type Permissions = Readonly<Record<Permission, readonly Action[]>>;

const readBucket: readonly Action[] = [
  'container.list',
  'container.list-versions',
  'container.list-uploads',
];
/** Whom a list lets write, sets up as owner what it writes. */
const writeBucket: readonly Action[] = [
  'object.write',
  'object.bring-acl',
  'object.bring-tags',
  'object.delete',
  'object.list-parts',
  'object.abort-upload',
];

/** "Mapping of ACL permissions and access policy permissions", for buckets. */
const bucketPermissions: Permissions = {
  READ: readBucket,
  WRITE: writeBucket,
  READ_ACP: ['container.read-acl'],
  WRITE_ACP: ['container.write-acl'],
  FULL_CONTROL: [...readBucket, ...writeBucket, 'container.read-acl', 'container.write-acl'],
};

/** The same for objects, where WRITE means nothing. */
const objectPermissions: Permissions = {
  READ: ['object.read', 'object.read-version'],
  WRITE: [],
  READ_ACP: ['object.read-acl', 'object.read-version-acl'],
  WRITE_ACP: ['object.write-acl', 'object.write-version-acl'],
  FULL_CONTROL: [
    'object.read',
    'object.read-version',
    'object.read-acl',
    'object.read-version-acl',
    'object.write-acl',
    'object.write-version-acl',
  ],
};

function toStatement(grant: Grant, permissions: Permissions): Statement | undefined {
  const actions = permissions[grant.permission];
  if (actions.length === 0) return undefined;
  const name = nameOfGrantee(grant.grantee);
  // What is nobody's is everybody's, and a public-access block shuts it as well.
  const isPublic = isPublicGrant(grant) || name === everyone;
  const principals = new Set([name]);
  return { effect: 'allow', origin: 'acl', principals, actions: new Set(actions), isPublic };
}

function nameOfGrantee(grantee: Grantee): string {
  if (grantee.type === 'account') {
    return grantee.account === '' ? everyone : ownerName(grantee.account);
  }
  switch (grantee.group) {
    case 'AllUsers':
      return everyone;
    case 'AuthenticatedUsers':
      return authenticated;
    case 'LogDelivery':
      return serviceName(LOG_DELIVERY);
  }
}

const permissionsOfOwner = ['READ_ACP', 'WRITE_ACP'] as const;

function objectRules(row: VersionRow, container: ContainerRow): ObjectRules | undefined {
  if (ownershipOf(container.settings) === 'BucketOwnerEnforced') return undefined;
  const owner = objectOwner(row.system, container.account);
  // Whatever the list says, its owner can read it and set it right.
  const always = permissionsOfOwner.map((permission) => ofAccount(owner, permission));
  const grants = [...readStoredAcl(row.system[ACL], owner), ...always];
  return {
    owner: row.system[OWNER],
    statements: grants.flatMap((grant) => toStatement(grant, objectPermissions) ?? []),
  };
}

/** Facts that only S3 has words for. */
function facts(name: string, subject: Subject): readonly string[] | undefined {
  if (name.startsWith('object-tag:')) return tagOf(name, subject.object);
  const text = factText(name, subject);
  return text === undefined ? undefined : [text];
}

function tagOf(name: string, object: VersionRow | undefined): readonly string[] | undefined {
  const wanted = name.slice('object-tag:'.length);
  const tags = readStoredTags(object?.system[TAGGING]);
  const value = tags.find(({ key }) => key === wanted)?.value;
  return value === undefined ? undefined : [value];
}

function factText(name: string, { principal, account }: Subject): string | undefined {
  switch (name) {
    case 's3:principal-arn':
      return principalArn(principal);
    case 's3:principal-account':
      return principal.type === 'user' ? accountTextOf(principal.account) : undefined;
    case 's3:principal-type':
      return principalType(principal);
    case 's3:user-id':
    case 's3:user-name':
      return principal.type === 'user' ? principal.user : undefined;
    case 's3:resource-account':
      return accountTextOf(account);
    default:
      return undefined;
  }
}

function principalType({ type }: Principal): string {
  return type === 'anonymous' ? 'Anonymous' : type === 'service' ? 'AWSService' : 'User';
}

/**
 * What somebody may want to do, free of any dialect. Both doors name the action of each of their
 * routes; both policy languages compile to sets of these.
 */

/** What a container is configured by, beside its objects: each is read and written by itself. */
const containerParts = [
  'abac',
  'accelerate',
  'acl',
  'analytics',
  'cors',
  'encryption',
  'inventory',
  'lifecycle',
  'logging',
  'metadata-table',
  'metrics',
  'notification',
  'object-lock',
  'ownership',
  'payment',
  'policy',
  'public-block',
  'replication',
  'tags',
  'tiering',
  'versioning',
  'website',
] as const;
type ContainerPart = (typeof containerParts)[number];

const accountActions = [
  /** Its metadata, and the names of its containers. */
  'account.read',
  'account.write',
  'account.read-public-block',
  'account.write-public-block',
  'container.create',
] as const;

const containerActions = [
  /** What Swift's POST of a container changes. */
  'container.write',
  'container.delete',
  /** Its objects' names, and what its HEAD tells. */
  'container.list',
  'container.list-versions',
  'container.list-uploads',
  'container.read-location',
  'container.read-policy-status',
  'container.delete-policy',
  'container.delete-website',
] as const;

const objectActions = [
  'object.read',
  'object.read-version',
  'object.read-acl',
  'object.read-version-acl',
  'object.read-attributes',
  'object.read-version-attributes',
  'object.read-tags',
  'object.read-version-tags',
  'object.read-retention',
  'object.read-hold',
  'object.read-torrent',
  'object.list-parts',
  /** Its bytes and all that describes them: PUT, uploads in parts, copies, Swift's POST. */
  'object.write',
  'object.write-acl',
  'object.write-version-acl',
  'object.write-tags',
  'object.write-version-tags',
  'object.write-retention',
  'object.write-hold',
  'object.write-encryption',
  /** Tags, or a list of grants, that come along with a write: less than setting them on what is there. */
  'object.bring-tags',
  'object.bring-acl',
  'object.bypass-governance',
  'object.abort-upload',
  'object.restore',
  'object.delete',
  'object.delete-version',
  'object.delete-tags',
  'object.delete-version-tags',
] as const;

export type Action =
  | (typeof accountActions)[number]
  | (typeof containerActions)[number]
  | `container.${'read' | 'write'}-${ContainerPart}`
  | (typeof objectActions)[number];

export const allActions: readonly Action[] = [
  ...accountActions,
  ...containerActions,
  ...containerParts.flatMap(
    (part) => [`container.read-${part}`, `container.write-${part}`] as const,
  ),
  ...objectActions,
];

/** Changes nothing: what a reader of a whole account may do. */
export function isReading(action: Action): boolean {
  return action.includes('.read') || action.includes('.list');
}

export function isOnObject(action: Action): boolean {
  return action.startsWith('object.');
}

/** What the account of a container may always do, whatever a policy says: or a wrong policy would lock it out for good. */
export const ownerAlways: ReadonlySet<Action> = new Set<Action>([
  'container.read-policy',
  'container.write-policy',
  'container.delete-policy',
]);

/** What the owner of an object decides where objects have owners of their own: the container's account needs a grant for it. Tags, locks and deletion stay the container's. */
export const objectOwnersOwn: ReadonlySet<Action> = new Set<Action>([
  'object.read',
  'object.read-version',
  'object.read-attributes',
  'object.read-version-attributes',
  'object.read-torrent',
  'object.read-acl',
  'object.read-version-acl',
  'object.write-acl',
  'object.write-version-acl',
]);

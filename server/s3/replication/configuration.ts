/** The ReplicationConfiguration document: what it may say, how it is kept, and the feeds that it means. */
import type { FeedsChange } from '../../core/commands.ts';
import type { ObjectEvent } from '../../core/feed/events.ts';
import { invalidArgument, notImplemented, s3Error } from '../codes.ts';
import { type Tag, storedTags } from '../tagging/tags.ts';
import { type XmlNode, leafText, malformedXml, onlyChildren, required } from '../xml/reader.ts';
import { element, leaf } from '../xml/writer.ts';

/** Where it stands in a bucket's settings, as JSON. */
export const REPLICATION = 's3:replication';

export interface ReplicationRule {
  readonly id: string;
  readonly isEnabled: boolean;
  readonly priority?: number | undefined;
  /** `v1`: a prefix of the rule's own, and delete markers go along. */
  readonly form: 'v1' | 'v2';
  readonly prefix?: string | undefined;
  readonly tags: readonly Tag[];
  /** Whether the filter was an And: only for showing it again. */
  readonly isAnd?: boolean | undefined;
  readonly bucketArn: string;
  readonly account?: string | undefined;
  readonly storageClass?: string | undefined;
  readonly replicatesMarkers?: boolean | undefined;
  /** Elements that were said to be Disabled, which is what they are. */
  readonly disabled: readonly ('existing' | 'sse-kms' | 'replica-modifications')[];
}

export interface ReplicationDocument {
  readonly role: string;
  readonly rules: readonly ReplicationRule[];
}

const MAX_RULES = 1000;
const MAX_ID = 255;

/** `newId` names rules that have no name. Throws `MalformedXML`, `InvalidRequest`, `NotImplemented`. */
export function parseReplication(root: XmlNode, newId: () => string): ReplicationDocument {
  const nodes = root.children.filter((child) => child.name === 'Rule');
  const others = { ...root, children: root.children.filter((child) => child.name !== 'Rule') };
  const [role] = onlyChildren(others, ['Role']);
  if (nodes.length === 0 || nodes.length > MAX_RULES) throw malformedXml();
  const rules = nodes.map((node) => parseRule(node, newId));
  if (new Set(rules.map((rule) => rule.id)).size < rules.length) {
    throw s3Error('InvalidRequest', 'Rule Id must be unique');
  }
  const priorities = rules.flatMap(({ priority }) => (priority === undefined ? [] : [priority]));
  if (new Set(priorities).size < priorities.length) {
    throw s3Error('InvalidRequest', 'Found duplicate priority. Each rule needs its own.');
  }
  return { role: role === undefined ? '' : leafText(role), rules };
}

function parseRule(node: XmlNode, newId: () => string): ReplicationRule {
  const names = [
    'ID',
    'Priority',
    'Status',
    'Prefix',
    'Filter',
    'Destination',
    'DeleteMarkerReplication',
    'ExistingObjectReplication',
    'SourceSelectionCriteria',
  ];
  const [id, priority, status, prefix, filter, destination, markers, existing, criteria] =
    onlyChildren(node, names);
  if (prefix !== undefined && filter !== undefined) throw malformedXml();
  const name = id === undefined ? '' : leafText(id);
  if (name.length > MAX_ID) throw invalidArgument('ID', name, 'ID length should not exceed 255');
  const isV2 = filter !== undefined;
  if (isV2 && priority === undefined) throw malformedXml();
  const chosen = isV2 ? parseFilter(filter) : { prefix: prefix && leafText(prefix), tags: [] };
  const replicatesMarkers = parseStatus(markers);
  checkMarkers(isV2, replicatesMarkers, chosen.tags);
  return {
    id: name === '' ? newId() : name,
    isEnabled: isOn(leafText(required(status))),
    ...(priority === undefined ? {} : { priority: parsePriority(leafText(priority)) }),
    form: isV2 ? 'v2' : 'v1',
    ...chosen,
    ...parseDestination(required(destination)),
    ...(replicatesMarkers === undefined ? {} : { replicatesMarkers }),
    disabled: [...refuseEnabled('existing', existing), ...parseCriteria(criteria)],
  };
}

function checkMarkers(isV2: boolean, status: boolean | undefined, tags: readonly Tag[]): void {
  if (isV2 && status === undefined) {
    throw s3Error(
      'InvalidRequest',
      'DeleteMarkerReplication must be specified for this version of Cross Region Replication configuration schema.',
    );
  }
  if (status === true && tags.length > 0) {
    const message = 'Delete marker replication is not supported if any Tag filter is specified.';
    throw s3Error('InvalidRequest', message);
  }
}

function isOn(text: string): boolean {
  if (text !== 'Enabled' && text !== 'Disabled') throw malformedXml();
  return text === 'Enabled';
}

function parseStatus(node: XmlNode | undefined): boolean | undefined {
  if (node === undefined) return undefined;
  const [status] = onlyChildren(node, ['Status']);
  return isOn(leafText(required(status)));
}

/** What is not built may be said to be off. */
function refuseEnabled<N extends ReplicationRule['disabled'][number]>(
  name: N,
  node: XmlNode | undefined,
): readonly N[] {
  const status = parseStatus(node);
  if (status === true) throw notImplemented(node?.name ?? name);
  return status === undefined ? [] : [name];
}

function parseCriteria(node: XmlNode | undefined): ReplicationRule['disabled'] {
  if (node === undefined) return [];
  const [kms, replicas] = onlyChildren(node, ['SseKmsEncryptedObjects', 'ReplicaModifications']);
  return [...refuseEnabled('sse-kms', kms), ...refuseEnabled('replica-modifications', replicas)];
}

function parsePriority(text: string): number {
  if (!/^\d{1,9}$/.test(text.trim())) throw malformedXml();
  return Number(text);
}

function parseFilter(
  node: XmlNode,
): Pick<ReplicationRule, 'prefix' | 'tags'> & { readonly isAnd?: boolean } {
  const [prefix, tag, and] = onlyChildren(node, ['Prefix', 'Tag', 'And']);
  if (node.children.length > 1) throw malformedXml();
  if (and === undefined) {
    return {
      prefix: prefix === undefined ? undefined : leafText(prefix),
      tags: tag === undefined ? [] : [parseTag(tag)],
    };
  }
  const tags = and.children.filter((child) => child.name === 'Tag').map(parseTag);
  const others = { ...and, children: and.children.filter((child) => child.name !== 'Tag') };
  const [inner] = onlyChildren(others, ['Prefix']);
  return { prefix: inner === undefined ? undefined : leafText(inner), tags, isAnd: true };
}

function parseTag(node: XmlNode): Tag {
  const [key, value] = onlyChildren(node, ['Key', 'Value']);
  return { key: leafText(required(key)), value: leafText(required(value)) };
}

function parseDestination(
  node: XmlNode,
): Pick<ReplicationRule, 'bucketArn' | 'account' | 'storageClass'> {
  const names = [
    'Bucket',
    'Account',
    'StorageClass',
    'AccessControlTranslation',
    'EncryptionConfiguration',
    'ReplicationTime',
    'Metrics',
  ];
  const [bucket, account, storageClass, ...unbuilt] = onlyChildren(node, names);
  const strange = unbuilt.find((one) => one !== undefined);
  if (strange !== undefined) throw notImplemented(strange.name);
  return {
    bucketArn: leafText(required(bucket)).trim(),
    ...(account === undefined ? {} : { account: leafText(account) }),
    ...(storageClass === undefined ? {} : { storageClass: leafText(storageClass).trim() }),
  };
}

/**
 * `arn:torc:replication:<region>:<target>:<bucket>` names a store of the server's settings and a
 * bucket there; Amazon's own `arn:aws:s3:::<bucket>` means the store named `default`.
 */
export function destinationOf(
  arn: string,
): { readonly target: string; readonly bucket: string } | undefined {
  const ours = /^arn:[^:\s]+:replication:[^:\s]*:([A-Za-z0-9._-]+):([^:/\s]+)$/.exec(arn);
  if (ours !== null) return { target: ours[1] ?? '', bucket: ours[2] ?? '' };
  const amazons = /^arn:[^:\s]+:s3:::([^:/\s]+)$/.exec(arn);
  return amazons === null ? undefined : { target: 'default', bucket: amazons[1] ?? '' };
}

const written: readonly ObjectEvent[] = [
  'created:put',
  'created:post',
  'created:copy',
  'created:complete',
  'updated',
  'tagging:put',
  'tagging:delete',
];

export function replicationFeeds(document: ReplicationDocument | undefined): FeedsChange {
  const rules = (document?.rules ?? []).filter((rule) => rule.isEnabled);
  return {
    purpose: 'replication',
    feeds: rules.flatMap((rule) => {
      const to = destinationOf(rule.bucketArn);
      if (to === undefined) return [];
      const takesMarkers = rule.form === 'v1' || rule.replicatesMarkers === true;
      const tags = storedTags(rule.tags)?.split('&');
      const { storageClass, priority } = rule;
      return [
        {
          target: to.target,
          rule: rule.id,
          events: takesMarkers ? [...written, 'removed:marker' as const] : written,
          prefix: rule.prefix ?? '',
          suffix: '',
          ...(tags === undefined ? {} : { tags }),
          group: rule.bucketArn,
          ...(priority === undefined ? {} : { priority }),
          destination: {
            container: to.bucket,
            ...(storageClass === undefined ? {} : { storageClass }),
          },
        },
      ];
    }),
  };
}

export function readStoredReplication(text: string | undefined): ReplicationDocument | undefined {
  if (text === undefined) return undefined;
  // Only this door writes it.
  const document: ReplicationDocument = JSON.parse(text);
  return document;
}

export function replicationMarkup(document: ReplicationDocument): string {
  return leaf('Role', document.role) + document.rules.map(ruleMarkup).join('');
}

function status(name: string, isEnabled: boolean): string {
  return element(name, leaf('Status', isEnabled ? 'Enabled' : 'Disabled'));
}

function ruleMarkup(rule: ReplicationRule): string {
  const { replicatesMarkers, disabled } = rule;
  const kms = disabled.includes('sse-kms') ? status('SseKmsEncryptedObjects', false) : '';
  const changes = disabled.includes('replica-modifications')
    ? status('ReplicaModifications', false)
    : '';
  return element(
    'Rule',
    leaf('ID', rule.id) +
      leaf('Priority', rule.priority) +
      (rule.form === 'v1' ? leaf('Prefix', rule.prefix ?? '') : filterMarkup(rule)) +
      leaf('Status', rule.isEnabled ? 'Enabled' : 'Disabled') +
      (kms + changes === '' ? '' : element('SourceSelectionCriteria', kms + changes)) +
      (disabled.includes('existing') ? status('ExistingObjectReplication', false) : '') +
      element(
        'Destination',
        leaf('Bucket', rule.bucketArn) +
          leaf('Account', rule.account) +
          leaf('StorageClass', rule.storageClass),
      ) +
      (replicatesMarkers === undefined ? '' : status('DeleteMarkerReplication', replicatesMarkers)),
  );
}

function filterMarkup(rule: ReplicationRule): string {
  const tags = rule.tags.map(({ key, value }) =>
    element('Tag', leaf('Key', key) + leaf('Value', value)),
  );
  const inside = leaf('Prefix', rule.prefix) + tags.join('');
  return element('Filter', rule.isAnd === true ? element('And', inside) : inside);
}

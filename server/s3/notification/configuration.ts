/** The NotificationConfiguration document: what it may say, how it is kept, and the feeds that it means. */
import type { FeedsChange } from '../../core/commands.ts';
import { invalidArgument, notImplemented } from '../codes.ts';
import { type XmlNode, leafText, malformedXml, onlyChildren, required } from '../xml/reader.ts';
import { element, leaf } from '../xml/writer.ts';
import { eventsOf, expandEventName, isEventName } from './event-names.ts';

/** Where it stands in a bucket's settings, as JSON. */
export const NOTIFICATION = 's3:notification';

/** Each kind of destination has an element of its own, and in it one for the ARN. */
const kinds = {
  TopicConfiguration: 'Topic',
  QueueConfiguration: 'Queue',
  CloudFunctionConfiguration: 'CloudFunction',
} as const;
type Kind = keyof typeof kinds;

export interface NotificationRule {
  readonly kind: Kind;
  readonly id: string;
  readonly arn: string;
  /** As the client named them, e.g. `s3:ObjectCreated:*`. */
  readonly events: readonly string[];
  readonly prefix?: string | undefined;
  readonly suffix?: string | undefined;
}

/** Amazon's bound. */
const MAX_RULES = 100;
const MAX_FILTER = 1024;
const MAX_ID = 255;

/** `newId` names rules that have no name. Throws `MalformedXML`, `InvalidArgument`, `NotImplemented`. */
export function parseNotification(root: XmlNode, newId: () => string): readonly NotificationRule[] {
  if (root.text.trim() !== '') throw malformedXml();
  const rules = root.children.map((node) => parseRule(node, newId));
  if (rules.length > MAX_RULES) {
    throw refused('NotificationConfiguration', String(rules.length), 'Too many configurations');
  }
  const ids = new Set(rules.map((rule) => rule.id));
  if (ids.size < rules.length) {
    throw refused('Id', '', 'Same ID used for multiple configurations. IDs must be unique');
  }
  for (const [index, rule] of rules.entries()) {
    if (rules.slice(0, index).some((other) => overlap(rule, other))) {
      throw refused(
        'Filter',
        rule.id,
        'Configurations overlap. Configurations on the same bucket cannot share a common event type.',
      );
    }
  }
  return rules;
}

function refused(name: string, value: string, message: string): Error {
  return invalidArgument(name, value, message);
}

function isKind(name: string): name is Kind {
  return Object.hasOwn(kinds, name);
}

function parseRule(node: XmlNode, newId: () => string): NotificationRule {
  const kind = node.name;
  if (kind === 'EventBridgeConfiguration') throw notImplemented(kind);
  if (!isKind(kind)) throw malformedXml();
  const events = node.children.filter((child) => child.name === 'Event').map(leafText);
  const others = { ...node, children: node.children.filter((child) => child.name !== 'Event') };
  const [id, arn, filter] = onlyChildren(others, ['Id', kinds[kind], 'Filter']);
  if (events.length === 0) throw malformedXml();
  const strange = events.find((event) => !isEventName(event));
  if (strange !== undefined) {
    throw refused('Event', strange, 'The event is not supported for notifications');
  }
  const name = id === undefined ? '' : leafText(id);
  if (name.length > MAX_ID) throw refused('Id', name, 'The ID is too long.');
  return {
    kind,
    id: name === '' ? newId() : name,
    arn: leafText(required(arn)),
    events,
    ...(filter === undefined ? {} : parseFilter(filter)),
  };
}

function parseFilter(node: XmlNode): Pick<NotificationRule, 'prefix' | 'suffix'> {
  const [key] = onlyChildren(node, ['S3Key']);
  if (key === undefined) return {};
  if (key.text.trim() !== '') throw malformedXml();
  const found = new Map<string, string>();
  for (const child of key.children) {
    if (child.name !== 'FilterRule') throw malformedXml();
    const [name, value] = onlyChildren(child, ['Name', 'Value']);
    const given = leafText(required(name));
    const side = given.toLowerCase();
    if (side !== 'prefix' && side !== 'suffix') {
      throw refused('FilterRule.Name', given, 'filter rule name must be either prefix or suffix');
    }
    if (found.has(side)) {
      const message = `Cannot specify more than one ${side} rule in a filter.`;
      throw refused('FilterRule.Name', given, message);
    }
    const text = leafText(required(value));
    if (Buffer.byteLength(text) > MAX_FILTER) {
      throw refused('FilterRule.Value', text, 'Size of filter rule value cannot exceed 1024 bytes');
    }
    found.set(side, text);
  }
  const prefix = found.get('prefix');
  const suffix = found.get('suffix');
  return {
    ...(prefix === undefined ? {} : { prefix }),
    ...(suffix === undefined ? {} : { suffix }),
  };
}

/** Some key and some event would be told twice. */
function overlap(a: NotificationRule, b: NotificationRule): boolean {
  const events = new Set(a.events.flatMap(expandEventName));
  if (!b.events.flatMap(expandEventName).some((event) => events.has(event))) return false;
  const [prefixA, prefixB] = [a.prefix ?? '', b.prefix ?? ''];
  const [suffixA, suffixB] = [a.suffix ?? '', b.suffix ?? ''];
  return (
    (prefixA.startsWith(prefixB) || prefixB.startsWith(prefixA)) &&
    (suffixA.endsWith(suffixB) || suffixB.endsWith(suffixA))
  );
}

/** The name of a target in the server's settings: what stands last in an ARN, e.g. `arn:torc:sqs:us-east-1:main:hook`. undefined: no ARN of a destination. */
export function targetOf(arn: string): string | undefined {
  const match = /^arn:[^:\s]+:(?:sqs|sns|lambda):[^:\s]*:[^:\s]*:(?:function:)?([^:\s]+)$/.exec(
    arn,
  );
  return match?.[1];
}

export function feedsOf(rules: readonly NotificationRule[]): FeedsChange {
  return {
    purpose: 'notification',
    feeds: rules.map((rule) => ({
      target: targetOf(rule.arn) ?? '',
      rule: rule.id,
      events: eventsOf(rule.events),
      prefix: rule.prefix ?? '',
      suffix: rule.suffix ?? '',
    })),
  };
}

export function readStoredNotification(text: string | undefined): readonly NotificationRule[] {
  if (text === undefined) return [];
  // Only this door writes it.
  const rules: readonly NotificationRule[] = JSON.parse(text);
  return rules;
}

export function notificationMarkup(rules: readonly NotificationRule[]): string {
  return rules.map(ruleMarkup).join('');
}

function ruleMarkup(rule: NotificationRule): string {
  const filters = [
    ['prefix', rule.prefix],
    ['suffix', rule.suffix],
  ] as const;
  const rules = filters
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => element('FilterRule', leaf('Name', name) + leaf('Value', value)));
  return element(
    rule.kind,
    leaf('Id', rule.id) +
      leaf(kinds[rule.kind], rule.arn) +
      rule.events.map((event) => leaf('Event', event)).join('') +
      (rules.length === 0 ? '' : element('Filter', element('S3Key', rules.join('')))),
  );
}

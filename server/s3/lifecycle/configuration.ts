/** A LifecycleConfiguration document as rules, checked as Amazon checks it. */
import type { LifecycleFilter, LifecycleRule } from '../../core/lifecycle/rules.ts';
import type { Call } from '../call.ts';
import { s3Error } from '../codes.ts';
import { type Tag, checkedTags, MAX_OBJECT_TAGS, storedTags } from '../tagging/tags.ts';
import { type XmlNode, leafText, malformedXml, onlyChildren, required } from '../xml/reader.ts';
import { parseActions } from './actions.ts';

const MAX_RULES = 1000;
const MAX_ID = 255;
const MAX_PREFIX = 1024;

/** How a filter was spelled, so that it is shown as it came: in the rule itself, empty, one condition, several. */
type FilterForm = 'rule' | 'empty' | 'one' | 'and';

interface ParsedFilter {
  readonly form: FilterForm;
  readonly filter: LifecycleFilter;
}

/** Throws `MalformedXML`, `InvalidArgument`, `InvalidRequest`, `InvalidStorageClass`. */
export function parseRules(call: Call, root: XmlNode): readonly LifecycleRule[] {
  const { children, text } = root;
  if (text.trim() !== '' || children.length === 0 || children.length > MAX_RULES) {
    throw malformedXml();
  }
  const rules = children.map((node, place) => parseRule(call, node, place));
  const ids = rules.map(({ id }) => id);
  if (new Set(ids).size !== ids.length) {
    throw s3Error(
      'InvalidArgument',
      'Rule ID must be unique. Found same ID for one or more rules.',
    );
  }
  return rules;
}

const actionNames: ReadonlySet<string> = new Set([
  'Expiration',
  'NoncurrentVersionExpiration',
  'Transition',
  'NoncurrentVersionTransition',
  'AbortIncompleteMultipartUpload',
]);

function parseRule(call: Call, node: XmlNode, place: number): LifecycleRule {
  if (node.name !== 'Rule') throw malformedXml();
  const isAction = ({ name }: XmlNode): boolean => actionNames.has(name);
  const about = { ...node, children: node.children.filter((child) => !isAction(child)) };
  const [id, status, prefix, filter] = onlyChildren(about, ['ID', 'Status', 'Prefix', 'Filter']);
  const named = id === undefined ? '' : leafText(id);
  if (named.length > MAX_ID) {
    throw s3Error('InvalidArgument', 'ID length should not exceed allowed limit of 255');
  }
  const parsed = parseFilter(prefix, filter);
  return {
    id: named === '' ? `rule-${place + 1}` : named,
    isEnabled: parseStatus(leafText(required(status))),
    ...parsed,
    ...parseActions(call, node.children.filter(isAction), parsed),
  };
}

function parseStatus(text: string): boolean {
  if (text !== 'Enabled' && text !== 'Disabled') throw malformedXml();
  return text === 'Enabled';
}

function parseFilter(prefix: XmlNode | undefined, filter: XmlNode | undefined): ParsedFilter {
  if (prefix !== undefined) {
    if (filter !== undefined) throw malformedXml();
    return { form: 'rule', filter: { prefix: parsePrefix(prefix) } };
  }
  const { children, text } = required(filter);
  if (text.trim() !== '' || children.length > 1) throw malformedXml();
  const [only] = children;
  if (only === undefined) return { form: 'empty', filter: { prefix: '' } };
  if (only.name !== 'And') return { form: 'one', filter: conditionsOf([only]) };
  if (only.text.trim() !== '' || only.children.length < 2) throw malformedXml();
  return { form: 'and', filter: conditionsOf(only.children) };
}

function parsePrefix(node: XmlNode): string {
  const text = leafText(node);
  if (Buffer.byteLength(text) <= MAX_PREFIX) return text;
  throw s3Error('InvalidRequest', `The maximum size of a prefix is ${MAX_PREFIX}.`);
}

function conditionsOf(nodes: readonly XmlNode[]): LifecycleFilter {
  const names = ['Prefix', 'ObjectSizeGreaterThan', 'ObjectSizeLessThan'];
  const isTag = ({ name }: XmlNode): boolean => name === 'Tag';
  const others = { name: '', text: '', children: nodes.filter((node) => !isTag(node)) };
  const [prefix, above, below] = onlyChildren(others, names);
  const tags = checkedFilterTags(nodes.filter(isTag).map(parseTag));
  const sizeAbove = above && parseSize(above);
  const sizeBelow = below && parseSize(below);
  if (
    sizeBelow === 0 ||
    (sizeAbove !== undefined && sizeBelow !== undefined && sizeBelow <= sizeAbove + 1)
  ) {
    throw s3Error(
      'InvalidRequest',
      "'ObjectSizeLessThan' must leave room above 'ObjectSizeGreaterThan'.",
    );
  }
  return {
    prefix: prefix === undefined ? '' : parsePrefix(prefix),
    ...(tags.length === 0 ? {} : { tags }),
    ...(sizeAbove === undefined ? {} : { sizeAbove }),
    ...(sizeBelow === undefined ? {} : { sizeBelow }),
  };
}

function parseSize(node: XmlNode): number {
  const text = leafText(node);
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw malformedXml();
}

function parseTag(node: XmlNode): Tag {
  const [key, value] = onlyChildren(node, ['Key', 'Value']);
  return { key: leafText(required(key)), value: leafText(required(value)) };
}

function checkedFilterTags(tags: readonly Tag[]): readonly string[] {
  if (new Set(tags.map(({ key }) => key)).size !== tags.length) {
    throw s3Error('InvalidRequest', 'Duplicate Tag Keys are not allowed.');
  }
  return storedTags(checkedTags(tags, MAX_OBJECT_TAGS))?.split('&') ?? [];
}

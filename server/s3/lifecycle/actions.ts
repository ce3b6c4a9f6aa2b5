/** The actions of a lifecycle rule. */
import type {
  LifecycleFilter,
  LifecycleRule,
  LifecycleTime,
  NoncurrentTime,
} from '../../core/lifecycle/rules.ts';
import type { Call } from '../call.ts';
import { s3Error } from '../codes.ts';
import { parseIsoDate } from '../dates.ts';
import { type XmlNode, leafText, malformedXml, onlyChildren, required } from '../xml/reader.ts';
import { knownClass } from './storage-class.ts';

const DAY_MILLIS = 86_400_000;
const MAX_KEPT = 100;

type Actions = Omit<LifecycleRule, 'id' | 'isEnabled' | 'filter' | 'form'>;
type Transition = LifecycleTime & { readonly storageClass: string };
type NoncurrentTransition = NoncurrentTime & { readonly storageClass: string };

interface Filter {
  readonly form: string;
  readonly filter: LifecycleFilter;
}

export function parseActions(call: Call, nodes: readonly XmlNode[], filter: Filter): Actions {
  const once = (name: string): XmlNode | undefined => {
    const [first, ...more] = nodes.filter((node) => node.name === name);
    if (more.length > 0) throw malformedXml();
    return first;
  };
  const all = (name: string): readonly XmlNode[] => nodes.filter((node) => node.name === name);
  const expiration = once('Expiration');
  const noncurrent = once('NoncurrentVersionExpiration');
  const abort = once('AbortIncompleteMultipartUpload');
  const transitions = all('Transition').map((node) => parseTransition(call, node));
  const noncurrentTransitions = all('NoncurrentVersionTransition').map((node) =>
    parseNoncurrentTransition(call, node),
  );
  const actions: Actions = {
    ...(expiration === undefined ? {} : parseExpiration(expiration)),
    ...(noncurrent === undefined ? {} : { noncurrentExpiration: parseNoncurrent(noncurrent) }),
    ...(transitions.length === 0 ? {} : { transitions }),
    ...(noncurrentTransitions.length === 0 ? {} : { noncurrentTransitions }),
    ...(abort === undefined ? {} : { abortUploadsAfterDays: parseAbort(abort) }),
  };
  if (Object.keys(actions).length === 0) {
    throw s3Error('InvalidRequest', 'At least one action needs to be specified in a rule');
  }
  checkWithFilter(actions, filter);
  checkCurrent(call, actions, filter.filter.prefix);
  checkNoncurrent(call, actions, filter.filter.prefix);
  return actions;
}

function parseExpiration(node: XmlNode): Pick<Actions, 'expiration' | 'removesLoneMarkers'> {
  const names = ['Days', 'Date', 'ExpiredObjectDeleteMarker'];
  const [days, date, marker] = onlyChildren(node, names);
  if (node.children.length !== 1) throw malformedXml();
  if (days !== undefined) return { expiration: { days: positive(days, 'Days', 'Expiration') } };
  if (date !== undefined) return { expiration: { at: midnight(date) } };
  const text = leafText(required(marker));
  if (text !== 'true' && text !== 'false') throw malformedXml();
  return text === 'true' ? { removesLoneMarkers: true } : {};
}

function parseTransition(call: Call, node: XmlNode): Transition {
  const [days, date, storageClass] = onlyChildren(node, ['Days', 'Date', 'StorageClass']);
  if ((days === undefined) === (date === undefined)) throw malformedXml();
  const when =
    days === undefined
      ? { at: midnight(required(date)) }
      : { days: whole(days, "'Days' for Transition action must be nonnegative") };
  return { ...when, storageClass: parseClass(call, storageClass) };
}

function parseNoncurrent(node: XmlNode): NoncurrentTime {
  const [days, newer] = onlyChildren(node, ['NoncurrentDays', 'NewerNoncurrentVersions']);
  const name = 'NoncurrentVersionExpiration';
  return { days: positive(required(days), 'NoncurrentDays', name), ...parseKept(newer, name) };
}

function parseNoncurrentTransition(call: Call, node: XmlNode): NoncurrentTransition {
  const names = ['NoncurrentDays', 'NewerNoncurrentVersions', 'StorageClass'];
  const [days, newer, storageClass] = onlyChildren(node, names);
  const name = 'NoncurrentVersionTransition';
  const message = `'NoncurrentDays' for ${name} action must be nonnegative`;
  return {
    days: whole(required(days), message),
    ...parseKept(newer, name),
    storageClass: parseClass(call, storageClass),
  };
}

function parseKept(node: XmlNode | undefined, action: string): { readonly keep?: number } {
  if (node === undefined) return {};
  const keep = positive(node, 'NewerNoncurrentVersions', action);
  if (keep <= MAX_KEPT) return { keep };
  throw s3Error(
    'InvalidArgument',
    `'NewerNoncurrentVersions' for ${action} action must be less than or equal to ${MAX_KEPT}`,
  );
}

function parseAbort(node: XmlNode): number {
  const [days] = onlyChildren(node, ['DaysAfterInitiation']);
  return positive(required(days), 'DaysAfterInitiation', 'AbortIncompleteMultipartUpload');
}

function parseClass(call: Call, node: XmlNode | undefined): string {
  const name = leafText(required(node));
  const known = knownClass(call, name);
  if (known !== undefined) return known;
  // What is in no other class is as its bucket already.
  throw s3Error('InvalidStorageClass', undefined, { StorageClassRequested: name });
}

function positive(node: XmlNode, name: string, action: string): number {
  const message = `'${name}' for ${action} action must be a positive integer`;
  const value = whole(node, message);
  if (value > 0) return value;
  throw s3Error('InvalidArgument', message);
}

function whole(node: XmlNode, message: string): number {
  const text = leafText(node).trim();
  if (/^-\d{1,10}$/.test(text)) throw s3Error('InvalidArgument', message);
  if (!/^\d{1,10}$/.test(text) || Number(text) > 2_147_483_647) throw malformedXml();
  return Number(text);
}

function midnight(node: XmlNode): number {
  const at = parseIsoDate(leafText(node).trim());
  if (at === undefined) throw malformedXml();
  if (at % DAY_MILLIS === 0) return at;
  throw s3Error('InvalidArgument', "'Date' must be at midnight GMT");
}

/** What has no size and no tags cannot be picked by them. */
function checkWithFilter(actions: Actions, { form, filter }: Filter): void {
  const kinds = [filter.tags === undefined ? '' : 'Tags'];
  if (filter.sizeAbove !== undefined || filter.sizeBelow !== undefined) kinds.push('object size');
  const asked = kinds.filter((kind) => kind !== '')[0];
  if (asked !== undefined && actions.abortUploadsAfterDays !== undefined) {
    throw s3Error(
      'InvalidRequest',
      `AbortIncompleteMultipartUpload cannot be specified with ${asked}.`,
    );
  }
  if (asked !== undefined && actions.removesLoneMarkers === true) {
    throw s3Error('InvalidRequest', `ExpiredObjectDeleteMarker cannot be specified with ${asked}.`);
  }
  const kept = [actions.noncurrentExpiration, ...(actions.noncurrentTransitions ?? [])];
  if (form === 'rule' && kept.some((when) => when?.keep !== undefined)) {
    throw s3Error('InvalidRequest', 'NewerNoncurrentVersions needs a Filter element.');
  }
}

function checkCurrent(call: Call, actions: Actions, prefix: string): void {
  const { expiration, transitions = [] } = actions;
  const times = [...transitions, ...(expiration === undefined ? [] : [expiration])];
  const isDated = (when: LifecycleTime): boolean => 'at' in when;
  if (times.some(isDated) && !times.every(isDated)) {
    throw s3Error(
      'InvalidRequest',
      `Found mixed 'Date' and 'Days' based Expiration and Transition actions in lifecycle rule for prefix '${prefix}'`,
    );
  }
  const valueOf = (when: LifecycleTime): number => ('at' in when ? when.at : when.days);
  const name = expiration !== undefined && isDated(expiration) ? 'Date' : 'Days';
  checkOrder(call, {
    moves: transitions.map((one) => ({ ...one, value: valueOf(one) })),
    end: expiration && valueOf(expiration),
    names: { value: name, move: 'Transition', end: 'Expiration' },
    prefix,
  });
}

function checkNoncurrent(call: Call, actions: Actions, prefix: string): void {
  const { noncurrentExpiration: end, noncurrentTransitions = [] } = actions;
  checkOrder(call, {
    moves: noncurrentTransitions.map((one) => ({ ...one, value: one.days })),
    end: end?.days,
    names: {
      value: 'NoncurrentDays',
      move: 'NoncurrentVersionTransition',
      end: 'NoncurrentVersionExpiration',
    },
    prefix,
  });
}

interface Sequence {
  readonly moves: readonly { readonly storageClass: string; readonly value: number }[];
  readonly end: number | undefined;
  readonly names: { readonly value: string; readonly move: string; readonly end: string };
  readonly prefix: string;
}

/** A version goes from warm to cold, each class once, and ends after all of them. */
function checkOrder(call: Call, { moves, end, names, prefix }: Sequence): void {
  const { value, move } = names;
  const classes = moves.map(({ storageClass }) => storageClass);
  if (new Set(classes).size !== classes.length) {
    throw s3Error(
      'InvalidRequest',
      `'StorageClass' must be different for '${move}' actions in same 'Rule' with prefix '${prefix}'`,
    );
  }
  const order = call.door.core.storageClasses.map(({ name }) => name);
  const sorted = moves.toSorted(
    (a, b) => order.indexOf(a.storageClass) - order.indexOf(b.storageClass),
  );
  for (const [place, one] of sorted.entries()) {
    const before = sorted[place - 1];
    if (before === undefined || before.value < one.value) continue;
    throw s3Error(
      'InvalidArgument',
      `'${value}' in the '${move}' action for StorageClass '${one.storageClass}' for prefix '${prefix}' must be greater than '${value}' in the '${move}' action for StorageClass '${before.storageClass}'`,
    );
  }
  if (end !== undefined && moves.some((one) => one.value >= end)) {
    throw s3Error(
      'InvalidArgument',
      `'${value}' in the ${names.end} action for prefix '${prefix}' must be greater than '${value}' in the ${move} action`,
    );
  }
}

/** GetBucketLifecycleConfiguration, PutBucketLifecycleConfiguration, DeleteBucketLifecycle. */
import type {
  Lifecycle,
  LifecycleRule,
  LifecycleTime,
  NoncurrentTime,
} from '../../core/lifecycle/rules.ts';
import type { HeaderPairs, HttpReply } from '../../http/exchange.ts';
import { type Call, bucketOf } from '../call.ts';
import { invalidArgument, s3Error } from '../codes.ts';
import { formatIsoDate } from '../dates.ts';
import { readRequiredXml } from '../payload/document.ts';
import { readStoredTags } from '../tagging/tags.ts';
import { xmlReply } from '../xml/reply.ts';
import { element, leaf, xmlDocument } from '../xml/writer.ts';
import { parseRules } from './configuration.ts';

const MINIMUM_SIZE = 'x-amz-transition-default-minimum-object-size';
const minimumSizes = {
  all_storage_classes_128K: 'all',
  varies_by_storage_class: 'varies',
} as const;

export async function getBucketLifecycle(call: Call): Promise<HttpReply> {
  const { row } = await call.door.core.headContainer(call.context, bucketOf(call));
  const { lifecycle } = row;
  if (lifecycle === undefined) {
    throw s3Error('NoSuchLifecycleConfiguration', undefined, { BucketName: call.bucket });
  }
  const markup = lifecycle.rules.map(ruleMarkup).join('');
  return xmlReply(xmlDocument('LifecycleConfiguration', markup), minimumHeaders(lifecycle));
}

export async function putBucketLifecycle(call: Call): Promise<HttpReply> {
  const smallStay = parseMinimum(call.headers.get(MINIMUM_SIZE));
  const root = await readRequiredXml(call, { root: 'LifecycleConfiguration' });
  const rules = parseRules(call, root);
  const lifecycle = { rules, ...(smallStay === undefined ? {} : { smallStay }) };
  await call.door.core.updateContainer(call.context, bucketOf(call), { settings: {}, lifecycle });
  return { status: 200, headers: minimumHeaders(lifecycle), body: new Uint8Array(0) };
}

export async function deleteBucketLifecycle(call: Call): Promise<HttpReply> {
  const change = { settings: {}, lifecycle: null };
  await call.door.core.updateContainer(call.context, bucketOf(call), change);
  return { status: 204, headers: [] };
}

function parseMinimum(text: string | undefined): Lifecycle['smallStay'] {
  if (text === undefined) return undefined;
  const known = Object.entries(minimumSizes).find(([name]) => name === text);
  if (known !== undefined) return known[1];
  throw invalidArgument(MINIMUM_SIZE, text, 'Unknown default minimum object size.');
}

function minimumHeaders({ smallStay }: Lifecycle): HeaderPairs {
  const known = Object.entries(minimumSizes).find(([, value]) => value === smallStay);
  return known === undefined ? [] : [[MINIMUM_SIZE, known[0]]];
}

function ruleMarkup(rule: LifecycleRule): string {
  const { noncurrentExpiration: noncurrent, abortUploadsAfterDays: abortDays } = rule;
  return element(
    'Rule',
    leaf('ID', rule.id) +
      filterMarkup(rule) +
      leaf('Status', rule.isEnabled ? 'Enabled' : 'Disabled') +
      (rule.transitions ?? []).map(transitionMarkup).join('') +
      expirationMarkup(rule) +
      (rule.noncurrentTransitions ?? []).map(noncurrentTransitionMarkup).join('') +
      (noncurrent === undefined
        ? ''
        : element('NoncurrentVersionExpiration', noncurrentMarkup(noncurrent))) +
      (abortDays === undefined
        ? ''
        : element('AbortIncompleteMultipartUpload', leaf('DaysAfterInitiation', abortDays))),
  );
}

function filterMarkup({ filter, form }: LifecycleRule): string {
  const { prefix, tags = [], sizeAbove, sizeBelow } = filter;
  if (form === 'rule') return leaf('Prefix', prefix);
  const shownPrefix = prefix !== '' || (form === 'one' && isBare(filter)) ? prefix : undefined;
  const conditions =
    leaf('Prefix', shownPrefix) +
    readStoredTags(tags.length === 0 ? undefined : tags.join('&'))
      .map(({ key, value }) => element('Tag', leaf('Key', key) + leaf('Value', value)))
      .join('') +
    leaf('ObjectSizeGreaterThan', sizeAbove) +
    leaf('ObjectSizeLessThan', sizeBelow);
  return element('Filter', form === 'and' ? element('And', conditions) : conditions);
}

function isBare({ tags, sizeAbove, sizeBelow }: LifecycleRule['filter']): boolean {
  return tags === undefined && sizeAbove === undefined && sizeBelow === undefined;
}

function expirationMarkup({ expiration, removesLoneMarkers }: LifecycleRule): string {
  if (expiration !== undefined) return element('Expiration', timeMarkup(expiration));
  if (removesLoneMarkers !== true) return '';
  return element('Expiration', leaf('ExpiredObjectDeleteMarker', true));
}

function timeMarkup(when: LifecycleTime): string {
  return 'at' in when ? leaf('Date', formatIsoDate(when.at)) : leaf('Days', when.days);
}

function noncurrentMarkup({ days, keep }: NoncurrentTime): string {
  return leaf('NoncurrentDays', days) + leaf('NewerNoncurrentVersions', keep);
}

function transitionMarkup(one: LifecycleTime & { readonly storageClass: string }): string {
  return element('Transition', timeMarkup(one) + leaf('StorageClass', one.storageClass));
}

function noncurrentTransitionMarkup(
  one: NoncurrentTime & { readonly storageClass: string },
): string {
  const markup = noncurrentMarkup(one) + leaf('StorageClass', one.storageClass);
  return element('NoncurrentVersionTransition', markup);
}

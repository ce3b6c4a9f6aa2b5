/** X-Container-Sync-To and -Key of a container: what its owner sets and sees. */
import type { FeedsChange, MetadataPatch } from '../../core/commands.ts';
import type { ObjectEvent } from '../../core/feed/events.ts';
import type { ContainerRow, Metadata } from '../../core/model.ts';
import { syncKeySetting as keySetting } from '../../core/decide/sync/tombstone.ts';
import { textOf, wireOf } from '../../http/header-text.ts';
import { isOwner } from '../access/privileged.ts';
import type { ContainerCall } from '../call.ts';
import { isTrue } from '../headers.ts';
import { refuse } from '../reply.ts';
import { placeOf, type SyncPlace, type SyncSettings } from './realms.ts';

const toSetting = 'swift:sync-to';

export interface SyncChange {
  readonly settings: MetadataPatch;
  /** Absent: who follows the container stays as it is. */
  readonly feeds?: FeedsChange;
}

/** What the headers of a PUT or POST change. Throws Refusal 400. */
export function readSyncChange(call: ContainerCall): SyncChange {
  refuseVersions(call);
  if (!isOwner(call)) return { settings: {} };
  const to = readValue(call, 'to');
  const key = readValue(call, 'key');
  const settings = {
    ...(to === undefined ? {} : { [toSetting]: to }),
    ...(key === undefined ? {} : { [keySetting]: key }),
  };
  const old = call.context.permit?.found?.row.settings;
  const wanted = to === undefined ? old?.[toSetting] : to;
  const place = wanted === undefined || wanted === null ? undefined : wanted;
  if (typeof to === 'string') check(call.door.settings.sync, to);
  if (to === undefined && (key === undefined || place === undefined)) return { settings };
  const feeds = place === undefined ? [] : feedsTo(call.door.settings.sync, place);
  return { settings, feeds: { purpose: 'sync', feeds } };
}

/** A text sets, null removes, undefined leaves as it is. */
function readValue(call: ContainerCall, what: 'to' | 'key'): string | null | undefined {
  const value = call.headers.get(`x-container-sync-${what}`);
  if (value !== undefined) return value === '' ? null : textOf(value);
  return call.headers.has(`x-remove-container-sync-${what}`) ? null : undefined;
}

function check(settings: SyncSettings, to: string): void {
  const place = placeOf(settings, to);
  if (typeof place === 'string') throw refuse(400, place);
}

/** A versioned container is not synced, as in Swift: only what is current would go. */
function refuseVersions({ headers, context }: ContainerCall): void {
  const row = context.permit?.found?.row;
  const to = headers.get('x-container-sync-to') ?? '';
  if (to !== '' && row !== undefined && row.versioning !== 'off') {
    throw refuse(
      400,
      'Cannot configure container sync on a container with object versioning configured.',
    );
  }
  if (!isTrue(headers.get('x-versions-enabled'))) return;
  if (to === '' && row?.settings[toSetting] === undefined) return;
  throw refuse(
    400,
    'Cannot enable object versioning on a container configured as source of container syncing.',
  );
}

const followed: readonly ObjectEvent[] = [
  'created:put',
  'created:post',
  'created:copy',
  'created:complete',
  'updated',
  'removed:delete',
  'removed:marker',
  'expired:delete',
  'expired:marker',
];

function feedsTo(settings: SyncSettings, to: string): FeedsChange['feeds'] {
  const place = placeOf(settings, to);
  // It was good once, and the operator has taken the realm away since.
  if (typeof place === 'string') return [];
  const { target } = place;
  return [{ target, rule: 'container-sync', events: followed, prefix: '', suffix: '' }];
}

/** Undefined: it is not synced, or no longer to where its operator allows. */
export function syncOf(
  settings: SyncSettings,
  { settings: own }: ContainerRow,
): (SyncPlace & { readonly key: string }) | undefined {
  const to = own[toSetting];
  const key = own[keySetting];
  if (to === undefined || key === undefined) return undefined;
  const place = placeOf(settings, to);
  return typeof place === 'string' ? undefined : { ...place, key };
}

export function syncKeyOf(settings: Metadata): string | undefined {
  return settings[keySetting];
}

/** For owners. */
export function syncHeaders(call: ContainerCall, settings: Metadata): [string, string][] {
  if (!isOwner(call)) return [];
  const shown: [string, string][] = [];
  const to = settings[toSetting];
  const key = settings[keySetting];
  if (to !== undefined) shown.push(['X-Container-Sync-To', wireOf(to)]);
  if (key !== undefined) shown.push(['X-Container-Sync-Key', wireOf(key)]);
  return shown;
}

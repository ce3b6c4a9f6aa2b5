import type { Commands } from '../commands.ts';
import { addAccountUsage, noAccountUsage } from '../account/usage.ts';
import { liveReservations, RESERVED_MILLIS } from '../account/reservation.ts';
import type { AccountRow, AccountUsageRow, DirectoryRow } from '../model.ts';
import { CLIENT_SETTING, patchMetadata } from '../metadata.ts';
import type { Commit } from './commit.ts';

type Args<N extends keyof Commands> = Commands[N]['args'];

export function ensureAccount(
  commit: Commit,
  args: Args<'account.ensure'>,
): Commands['account.ensure']['result'] {
  const { accountId, name, domain } = args;
  const old = commit.view.get('account', { accountId });
  if (old !== undefined && domain === undefined) return { created: false };
  const noted = domain === undefined ? {} : { domain };
  const row = { ...(old ?? { name, createdAt: commit.time, metadata: {} }), ...noted };
  commit.change({ type: 'put', table: 'account', key: { accountId }, row });
  return { created: old === undefined };
}

export function updateAccount(commit: Commit, args: Args<'account.update'>): null {
  const { accountId, name } = args;
  const old = commit.view.get('account', { accountId });
  const metadata = patchMetadata(old?.metadata ?? {}, args.metadata, {
    limits: args.limits,
    prefix: '',
  });
  const settings = patchMetadata(old?.settings ?? {}, args.settings ?? {}, {
    limits: args.limits,
    prefix: CLIENT_SETTING,
  });
  const domain = args.domain ?? old?.domain;
  const row: AccountRow = {
    name,
    ...(domain === undefined ? {} : { domain }),
    createdAt: old?.createdAt ?? commit.time,
    metadata,
    ...(Object.keys(settings).length === 0 ? {} : { settings }),
    ...(old?.reserved === undefined ? {} : { reserved: old.reserved }),
  };
  commit.change({ type: 'put', table: 'account', key: { accountId }, row });
  return null;
}

export function reserve(commit: Commit, args: Args<'account.reserve'>): AccountUsageRow {
  const { accountId, id, policy, bytes, objects } = args;
  const old = commit.view.get('account', { accountId });
  if (old === undefined) return noAccountUsage;
  const others = liveReservations(old.reserved, commit.nowMillis);
  const until = commit.nowMillis + RESERVED_MILLIS;
  const own = { bytes: Math.max(0, bytes), objects: Math.max(0, objects), policy, until };
  const row: AccountRow = { ...old, reserved: { ...Object.fromEntries(others), [id]: own } };
  commit.change({ type: 'put', table: 'account', key: { accountId }, row });
  return others.reduce((sums, [, one]) => {
    const delta = { containers: 0, objects: one.objects, bytes: one.bytes };
    return addAccountUsage(sums, { ...delta, policies: { [one.policy]: delta } });
  }, noAccountUsage);
}

export function release(commit: Commit, args: Args<'account.release'>): null {
  const { accountId, id } = args;
  const old = commit.view.get('account', { accountId });
  if (old?.reserved?.[id] === undefined) return null;
  const { reserved: _all, ...rest } = old;
  const left = liveReservations(old.reserved, commit.nowMillis).filter(([other]) => other !== id);
  const row: AccountRow =
    left.length === 0 ? rest : { ...rest, reserved: Object.fromEntries(left) };
  commit.change({ type: 'put', table: 'account', key: { accountId }, row });
  return null;
}

export function beginDirectory(commit: Commit, args: Args<'directory.begin'>): DirectoryRow {
  const { accountId, name, containerId, policy, intent } = args;
  const existing = commit.view.get('directory', { accountId, name });
  if (existing !== undefined) return existing;
  const row: DirectoryRow = {
    containerId,
    createdAt: commit.time,
    state: 'creating',
    policy,
    intent,
  };
  commit.change({ type: 'put', table: 'directory', key: { accountId, name }, row });
  return row;
}

export function readyDirectory(commit: Commit, args: Args<'directory.ready'>): boolean {
  const { accountId, name, containerId } = args;
  const line = commit.view.get('directory', { accountId, name });
  if (line?.containerId !== containerId) return false;
  if (line.state === 'ready') return true;
  const { createdAt, policy } = line;
  const row: DirectoryRow = { containerId, createdAt, state: 'ready', policy };
  commit.change({ type: 'put', table: 'directory', key: { accountId, name }, row });
  return true;
}

export function removeDirectory(commit: Commit, args: Args<'directory.remove'>): boolean {
  const { accountId, name, containerId } = args;
  const line = commit.view.get('directory', { accountId, name });
  if (line?.containerId !== containerId) return false;
  commit.change({ type: 'delete', table: 'directory', key: { accountId, name } });
  return true;
}

export function claimBucketName(commit: Commit, args: Args<'bucketName.claim'>): boolean {
  const { nameId, account, containerId } = args;
  const owner = commit.view.get('bucketName', { nameId });
  if (owner !== undefined) return owner.containerId === containerId;
  const row = { account, containerId };
  commit.change({ type: 'put', table: 'bucketName', key: { nameId }, row });
  return true;
}

export function releaseBucketName(commit: Commit, args: Args<'bucketName.release'>): boolean {
  const { nameId, containerId } = args;
  const owner = commit.view.get('bucketName', { nameId });
  if (owner?.containerId !== containerId) return false;
  commit.change({ type: 'delete', table: 'bucketName', key: { nameId } });
  return true;
}

/**
 * What only owners see and set: ACLs, and the keys of temporary URLs (`swift_owner_headers` of
 * swift/proxy/server.py). Whoever may write but is no owner, sets all else; Swift passes over these
 * in silence, and its clients rely on it.
 */
import type { AccountCall, ContainerCall } from '../call.ts';
import type { MetadataPatch } from '../../core/commands.ts';
import type { Metadata } from '../../core/model.ts';
import { wireOf } from '../../http/header-text.ts';
import { refuse } from '../reply.ts';
import { ACCOUNT_ACL, ACCOUNT_ACL_HEADER, cleanAccountAcl } from './account-acl.ts';
import { READ_ACL, WRITE_ACL, cleanAcl, isPublicAcl } from './acl.ts';

/** Names of metadata, without the prefix of whose it is. */
const privileged: ReadonlySet<string> = new Set(['temp-url-key', 'temp-url-key-2']);

export function isOwner(call: AccountCall): boolean {
  return call.context.permit?.leave === 'owner';
}

/** Metadata as this caller may see or set it. */
export function visibleMetadata<M extends Metadata | MetadataPatch>(call: AccountCall, all: M): M {
  if (isOwner(call)) return all;
  const entries = Object.entries(all).filter(([name]) => !privileged.has(name.toLowerCase()));
  return Object.fromEntries(entries) as M;
}

/** What X-Container-Read and -Write set (a text) or take away (null). Throws Refusal 400, or 403 where what is public is blocked. */
export async function readAclChange(call: ContainerCall): Promise<MetadataPatch> {
  if (!isOwner(call)) return {};
  const change: Record<string, string | null> = {};
  for (const [kind, setting] of [
    ['read', READ_ACL],
    ['write', WRITE_ACL],
  ] as const) {
    const isRemoved = call.headers.has(`x-remove-container-${kind}`);
    const header = call.headers.get(`x-container-${kind}`) ?? (isRemoved ? '' : undefined);
    if (header === undefined) continue;
    const text = cleanAcl(kind, header);
    change[setting] = text === '' ? null : text;
    if (kind === 'read' && isPublicAcl(text)) await refuseWherePublicIsBlocked(call);
  }
  return change;
}

async function refuseWherePublicIsBlocked(call: ContainerCall): Promise<void> {
  const { permit } = call.context;
  if (permit === undefined) return;
  const limits = await call.door.core.publicLimits(permit);
  if (limits.refusePublicAcls) {
    throw refuse(403, 'Public access is blocked for this container or its account');
  }
}

/** X-Container-Read and -Write, for owners. */
export function aclHeaders(call: AccountCall, settings: Metadata): [string, string][] {
  if (!isOwner(call)) return [];
  const shown: [string, string][] = [];
  const read = settings[READ_ACL];
  const write = settings[WRITE_ACL];
  if (read !== undefined) shown.push(['X-Container-Read', wireOf(read)]);
  if (write !== undefined) shown.push(['X-Container-Write', wireOf(write)]);
  return shown;
}

/** What X-Account-Access-Control sets or takes away. Throws Refusal 400. */
export function readAccountAclChange(call: AccountCall): MetadataPatch {
  const header = call.headers.get(ACCOUNT_ACL_HEADER);
  if (header === undefined) return {};
  const text = cleanAccountAcl(header);
  return isOwner(call) ? { [ACCOUNT_ACL]: text } : {};
}

/** X-Account-Access-Control, for owners. */
export function accountAclHeaders(
  call: AccountCall,
  settings: Metadata | undefined,
): [string, string][] {
  const text = settings?.[ACCOUNT_ACL];
  if (text === undefined || !isOwner(call)) return [];
  return [['X-Account-Access-Control', text]];
}

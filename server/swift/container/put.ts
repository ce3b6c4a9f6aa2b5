/** PUT of a container: makes it, or changes the metadata of the one there is. */
import type { MetadataPatch } from '../../core/commands.ts';
import type { Metadata } from '../../core/model.ts';
import type { HttpReply } from '../../http/exchange.ts';
import { readAclChange, visibleMetadata } from '../access/privileged.ts';
import { readArchiveChange, refuseBothWays } from '../archive/location.ts';
import type { ContainerCall } from '../call.ts';
import { wireOf } from '../../http/header-text.ts';
import { readEtagPatch } from '../filters/etag-quoter.ts';
import { readMetadataPatch, settingsOfPatch } from '../metadata.ts';
import { checkNameLength } from '../path.ts';
import { refuse, statusReply } from '../reply.ts';
import { readSyncChange } from '../sync/settings.ts';
import { readVersioning } from '../versions/enabled.ts';
import { checkQuotaHeaders } from './quota.ts';

export async function putContainer(call: ContainerCall): Promise<HttpReply> {
  const { core } = call.door;
  const patch = readMetadataPatch(call.headers, 'container');
  checkQuotaHeaders(call.headers);
  const policy = readPolicy(call);
  checkNameLength('Container', call.container, core.limits.maxContainerNameBytes);
  const address = { account: call.account, container: call.container };
  const archive = readArchiveChange(call.headers);
  refuseBothWays(call, archive);
  const acls = await readAclChange(call);
  const sync = readSyncChange(call);
  const settings = {
    ...settingsOfPatch(visibleMetadata(call, patch)),
    ...archive,
    ...acls,
    ...sync.settings,
    ...readEtagPatch(call.headers, 'container'),
  };
  const versioning = readVersioning(call.headers);
  const versioned = versioning === undefined ? {} : { versioning };
  const { created, info } = await core.createContainer(call.context, address, {
    claimName: 'if-free',
    policy,
    settings: setOnly(settings),
    ...versioned,
  });
  const { feeds } = sync;
  if (created) {
    if (feeds !== undefined) await core.updateContainer(call.context, address, { settings, feeds });
    return statusReply(201);
  }
  if (policy !== undefined && policy !== info.row.policy) throw refuse(409);
  // Core bounds the stored set. Even an empty change counts: Last-Modified of a container moves with every PUT.
  await core.updateContainer(call.context, address, {
    ...{ settings, ...versioned },
    ...(feeds === undefined ? {} : { feeds }),
  });
  return statusReply(202);
}

function setOnly(patch: MetadataPatch): Metadata {
  const set: Record<string, string> = {};
  for (const [name, value] of Object.entries(patch)) if (value !== null) set[name] = value;
  return set;
}

/** Names and aliases compare without case, as in Swift; undefined: the default policy. */
function readPolicy(call: ContainerCall): string | undefined {
  const wanted = call.headers.get('x-storage-policy');
  if (wanted === undefined || wanted === '') return undefined;
  const found = call.door.core.policies.all.find(({ name, aliases }) =>
    [name, ...aliases].some((known) => wireOf(known).toLowerCase() === wanted.toLowerCase()),
  );
  if (found === undefined) throw refuse(400, `Invalid X-Storage-Policy '${wanted}'`);
  // Also where the container has it already: Swift looks no further.
  if (found.isDeprecated) throw refuse(400, `Storage Policy '${found.name}' is deprecated`);
  return found.name;
}

/** POST of a container: changes its metadata. A storage policy in it is ignored, as in Swift: it cannot change. */
import type { HttpReply } from '../../http/exchange.ts';
import { readAclChange, visibleMetadata } from '../access/privileged.ts';
import { readArchiveChange, refuseBothWays } from '../archive/location.ts';
import type { ContainerCall } from '../call.ts';
import { readEtagPatch } from '../filters/etag-quoter.ts';
import { readMetadataPatch, settingsOfPatch } from '../metadata.ts';
import { statusReply } from '../reply.ts';
import { readSyncChange } from '../sync/settings.ts';
import { readVersioning } from '../versions/enabled.ts';
import { checkQuotaHeaders } from './quota.ts';

export async function postContainer(call: ContainerCall): Promise<HttpReply> {
  const { core } = call.door;
  const patch = readMetadataPatch(call.headers, 'container');
  checkQuotaHeaders(call.headers);
  const address = { account: call.account, container: call.container };
  const versioning = readVersioning(call.headers);
  const archive = readArchiveChange(call.headers);
  refuseBothWays(call, archive);
  const acls = await readAclChange(call);
  const sync = readSyncChange(call);
  await core.updateContainer(call.context, address, {
    settings: {
      ...settingsOfPatch(visibleMetadata(call, patch)),
      ...archive,
      ...acls,
      ...sync.settings,
      ...readEtagPatch(call.headers, 'container'),
    },
    ...(versioning === undefined ? {} : { versioning }),
    ...(sync.feeds === undefined ? {} : { feeds: sync.feeds }),
  });
  return statusReply(204);
}

import type { PutLink } from '../api.ts';
import type { RequestContext } from '../request.ts';
import type { PutOutcome } from '../commands.ts';
import { resolveContainer } from '../container/resolve.ts';
import { causeOf, wakeFeeds } from '../feed/cause.ts';
import { checkKey } from '../limits.ts';
import { executeWrite } from '../quota/write.ts';
import type { Services } from '../services.ts';
import { settleLink } from './links.ts';
import { openObject } from './open.ts';
import { checkEarly } from './put.ts';

/** MD5 of nothing: a link has no bytes of its own. */
export const emptyEtag = 'd41d8cd98f00b204e9800998ecf8427e';

/** The type of a link that is given none and promises nothing about what it names. */
const linkType = 'application/symlink';

export async function putLink(
  services: Services,
  ctx: RequestContext,
  command: PutLink,
): Promise<PutOutcome> {
  const { key, condition, system, user, expiresAt } = command;
  const found = await resolveContainer(services, ctx, { address: command, action: 'object.write' });
  checkKey(services.limits, key, 'object.put');
  const { containerId } = found;
  await checkEarly(services, { containerId, key }, condition);
  const { account } = found.row;
  const settled = await settleLink(services, ctx, {
    ...{ link: command.link, account, open: openObject },
  });
  const contentType = command.contentType ?? settled.contentType ?? linkType;
  const about = { container: found, bytes: () => 0 };
  const outcome = await executeWrite(services, ctx, about, {
    type: 'object.put',
    containerId,
    key,
    object: {
      ...{ size: 0, etag: emptyEtag, contentType, system, user, checksums: [], expiresAt },
      body: { type: 'empty' },
      link: settled.link,
    },
    condition,
    ...causeOf(ctx, found.row, undefined),
  });
  wakeFeeds(services, found.row);
  return outcome;
}

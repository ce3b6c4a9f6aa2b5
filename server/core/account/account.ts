import type { Action } from '../access/actions.ts';
import { authorise, covers } from '../access/demand.ts';
import { domainToNote } from '../access/principal.ts';
import type { AccountInfo, ContainerInfo } from '../api.ts';
import type { RequestContext } from '../request.ts';
import type { MetadataPatch } from '../commands.ts';
import { boundedQuery } from '../container/page.ts';
import { readInfo } from '../container/info.ts';
import { accountIdOf } from '../ids.ts';
import type { AccountRow } from '../model.ts';
import type { Page, PageItem, PageQuery } from '../ports.ts';
import type { Services } from '../services.ts';

/** A permit for the account says that its operation was allowed already. */
async function checkAccount(
  services: Services,
  ctx: RequestContext,
  account: string,
  action: Action,
): Promise<void> {
  const address = { account, container: '' };
  if (ctx.permit !== undefined && covers(ctx.permit, address, action)) return;
  await authorise(services, ctx, { address, actions: [action] });
}

export async function headAccount(
  services: Services,
  ctx: RequestContext,
  account: string,
): Promise<AccountInfo> {
  await checkAccount(services, ctx, account, 'account.read');
  const accountId = accountIdOf(account);
  const [row, usage] = await Promise.all([
    services.rows.get('account', { accountId }),
    services.rows.accountUsage(accountId),
  ]);
  return {
    name: account,
    exists: row !== undefined,
    createdAt: row?.createdAt,
    domain: row?.domain,
    metadata: row?.metadata ?? {},
    settings: row?.settings ?? {},
    usage,
  };
}

export async function updateAccount(
  services: Services,
  ctx: RequestContext,
  change: {
    readonly account: string;
    readonly metadata: MetadataPatch;
    readonly settings: MetadataPatch;
  },
): Promise<void> {
  const { account, metadata, settings } = change;
  await checkAccount(services, ctx, account, 'account.write');
  const accountId = accountIdOf(account);
  // Only somebody with a domain has one to note.
  const isLocal = ctx.principal.domain === undefined;
  const row = isLocal ? undefined : await services.rows.get('account', { accountId });
  const domain = domainToNote(ctx.principal, account, row);
  await services.rows.execute({
    type: 'account.update',
    accountId,
    ...(domain === undefined ? {} : { domain }),
    name: account,
    metadata,
    settings,
    limits: services.metadataLimits,
  });
  services.knownAccounts.forget(account);
}

/** See `Core.peekAccount`. */
export function peekAccount(services: Services, account: string): Promise<AccountRow | undefined> {
  return services.rows.get('account', { accountId: accountIdOf(account) });
}

/** Containers in name order; lines whose container is gone, or is not finished, are passed over. */
export async function listContainers(
  services: Services,
  ctx: RequestContext,
  input: { readonly account: string; readonly query: PageQuery },
): Promise<Page<ContainerInfo>> {
  const { account } = input;
  await checkAccount(services, ctx, account, 'account.read');
  const accountId = accountIdOf(account);
  const items: PageItem<ContainerInfo>[] = [];
  let query = boundedQuery(services, input.query);
  const { limit } = query;
  if (limit === 0) return { items, truncated: false };
  for (;;) {
    const page = await services.rows.listDirectory(accountId, query);
    for (const item of page.items) {
      const info = item.type === 'group' ? item : await infoOf(services, item);
      if (info === undefined) continue;
      if (items.length === limit) return { items, truncated: true };
      items.push(info);
    }
    const last = page.items.at(-1);
    if (!page.truncated || last === undefined) return { items, truncated: false };
    query = query.reverse ? { ...query, before: last.name } : { ...query, after: last.name };
  }
}

async function infoOf(
  services: Services,
  item: { readonly name: string; readonly row: { readonly containerId: string } },
): Promise<PageItem<ContainerInfo> | undefined> {
  const { containerId } = item.row;
  const row = await services.rows.get('container', { containerId });
  if (row?.state !== 'live') return undefined;
  return { type: 'row', name: item.name, row: await readInfo(services, { containerId, row }) };
}

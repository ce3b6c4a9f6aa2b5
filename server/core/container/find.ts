/** Which container a name means; what is found half gone is taken away. Access is not checked here: that is for whoever uses what is found. */
import type { Principal } from '../access/principal.ts';
import { accountIdOf, bucketNameId } from '../ids.ts';
import type { ContainerRow, Id } from '../model.ts';
import type { Services } from '../services.ts';
import { accountNameOf } from '../users.ts';

/** A container that lived when it was looked up. */
export interface ResolvedContainer {
  readonly containerId: Id;
  readonly row: ContainerRow;
}

/**
 * Without an account: the caller's own container, else that of the bucket name's owner. A name that
 * is neither may be `account:container`, which reaches containers whose name is another's bucket;
 * `:container` is the bucket of that name.
 */
export async function findByName(
  services: Services,
  principal: Principal,
  container: string,
): Promise<ResolvedContainer | undefined> {
  const { account } = principal;
  const own = account === '' ? undefined : await findByAccount(services, account, container);
  const named = own ?? (await findByBucketName(services, container));
  const colon = container.indexOf(':');
  if (named !== undefined || colon < 0) return named;
  const qualifier = container.slice(0, colon);
  const name = container.slice(colon + 1);
  if (qualifier === '') return findByBucketName(services, name);
  const asIs = await findByAccount(services, qualifier, name);
  return asIs ?? findByAccount(services, accountNameOf(qualifier), name);
}

/** The account's living container of this name. A directory line whose container is gone counts as absent. */
export async function findByAccount(
  services: Services,
  account: string,
  name: string,
): Promise<ResolvedContainer | undefined> {
  const { rows, containerIds } = services;
  const known = containerIds.get(account, name);
  if (known !== undefined) {
    const row = await rows.get('container', { containerId: known });
    if (row?.state === 'live') return { containerId: known, row };
    containerIds.delete(account, name);
  }
  const line = await rows.get('directory', { accountId: accountIdOf(account), name });
  if (line === undefined) return undefined;
  const { containerId } = line;
  const row = await rows.get('container', { containerId });
  // What a deletion that was cut short left behind.
  if (row?.state === 'deleted') await cleanUp(services, { account, name, containerId }, row);
  if (row?.state !== 'live') return undefined;
  containerIds.set(account, name, containerId);
  return { containerId, row };
}

async function findByBucketName(
  services: Services,
  name: string,
): Promise<ResolvedContainer | undefined> {
  const owner = await services.rows.get('bucketName', { nameId: bucketNameId(name) });
  if (owner === undefined) return undefined;
  const { containerId } = owner;
  const row = await services.rows.get('container', { containerId });
  return row?.state === 'live' ? { containerId, row } : undefined;
}

/** The container is a tombstone: its name and its line go. Also the second half of a deletion. */
export async function cleanUp<Row extends ContainerRow | undefined>(
  services: Services,
  gone: { readonly account: string; readonly name: string; readonly containerId: Id },
  row: Row,
): Promise<{ readonly type: 'deleted'; readonly row: Row }> {
  const { rows, containerIds } = services;
  const { account, name, containerId } = gone;
  containerIds.delete(account, name);
  await rows.execute({ type: 'bucketName.release', nameId: bucketNameId(name), containerId });
  const accountId = accountIdOf(account);
  await rows.execute({ type: 'directory.remove', accountId, name, containerId });
  return { type: 'deleted', row };
}

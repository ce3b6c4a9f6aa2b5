/** Commits that may make an account, or a container in pieces, grow: within their quotas, where there are any. */
import type { RequestContext } from '../request.ts';
import type { Allowance, Command, CommandResult, DeleteOutcome } from '../commands.ts';
import type { ResolvedContainer } from '../container/find.ts';
import { ownBytes } from '../model.ts';
import type { Services } from '../services.ts';
import { accountBound } from './account-quota.ts';
import { containerBound, isUnreserved } from './container-quota.ts';
import { type Growth, quotaOf } from './quota.ts';
import { type Bound, withinBounds } from './reserve.ts';

type WriteCommand = Extract<
  Command,
  { readonly type: 'object.put' | 'object.append' | 'upload.complete' | 'object.promote' }
>;

/** `bytes`: of the version that is made, or is appended, as sums count it. */
interface About {
  readonly container: ResolvedContainer;
  readonly bytes: () => Promise<number> | number;
}

export async function executeWrite<C extends WriteCommand>(
  services: Services,
  ctx: RequestContext,
  { container, bytes }: About,
  command: C,
): Promise<CommandResult<C>> {
  const { rows } = services;
  return reserving(services, container, async (found) => {
    const bounds = await boundsOf(services, ctx, found);
    if (bounds.length === 0) return rows.execute(command);
    const version = { key: command.key, bytes: await bytes() };
    const growth = async (): Promise<Growth> =>
      command.type === 'object.append'
        ? { bytes: version.bytes, objects: 0 }
        : growthOf(services, found, version);
    return withinBounds(services, { bounds, growth }, (amount) =>
      rows.execute({ ...command, allowance: allowanceOf(found, amount) }),
    );
  });
}

/** What uncovers an older version may make the container hold one object more. */
export async function executeDelete(
  services: Services,
  container: ResolvedContainer,
  command: Extract<Command, { readonly type: 'object.delete' }>,
): Promise<DeleteOutcome> {
  const { rows } = services;
  try {
    return await rows.execute(command);
  } catch (error) {
    if (!isUnreserved(error)) throw error;
  }
  const bounds = [containerBound(services, container.containerId)];
  const growth = (): Promise<Growth> => Promise.resolve({ bytes: 0, objects: 1 });
  return withinBounds(services, { bounds, growth }, (amount) =>
    rows.execute({ ...command, allowance: { ...amount, isOfContainer: true } }),
  );
}

/** Looks the container up again when it was divided, or got its quota, since. */
async function reserving<T>(
  { rows }: Services,
  container: ResolvedContainer,
  run: (container: ResolvedContainer) => Promise<T>,
): Promise<T> {
  try {
    return await run(container);
  } catch (error) {
    if (!isUnreserved(error)) throw error;
  }
  const { containerId } = container;
  const row = await rows.get('container', { containerId });
  return run({ containerId, row: row ?? container.row });
}

/** Operators stand above an account's quota, as in Swift. */
async function boundsOf(
  services: Services,
  ctx: RequestContext,
  { containerId, row }: ResolvedContainer,
): Promise<readonly Bound[]> {
  const { account } = row;
  const isFree = ctx.principal.role === 'reseller';
  const quota = isFree ? undefined : (await services.knownAccounts.of(services, account)).quota;
  const bounds = quota === undefined ? [] : [accountBound(services, quota, row)];
  // Of a container in one piece the commit sees all sums.
  return isReserved(row) ? [...bounds, containerBound(services, containerId)] : bounds;
}

function isReserved({ piece, settings }: ResolvedContainer['row']): boolean {
  return piece !== undefined && quotaOf(settings) !== undefined;
}

function allowanceOf({ row }: ResolvedContainer, amount: Growth): Allowance {
  return isReserved(row) ? { ...amount, isOfContainer: true } : amount;
}

/** As it is now: the commit checks that it adds no more. */
async function growthOf(
  services: Services,
  container: ResolvedContainer,
  version: { readonly key: string; readonly bytes: number },
): Promise<Growth> {
  const { containerId, row } = container;
  const { key, bytes } = version;
  const current = await services.rows.get('current', { containerId, key });
  // A version that has a name stays beside the new one.
  const isReplaced = current?.isNull === true && row.versioning !== 'enabled';
  return {
    bytes: bytes - (isReplaced ? ownBytes(current) : 0),
    objects: current === undefined ? 1 : 0,
  };
}

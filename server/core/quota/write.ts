/** Commits that may make an account grow: within its quotas, where it has any. */
import type { RequestContext } from '../request.ts';
import type { Allowance, Command, CommandResult } from '../commands.ts';
import type { ResolvedContainer } from '../container/find.ts';
import { ownBytes } from '../model.ts';
import type { Services } from '../services.ts';
import { withinQuota } from './account-quota.ts';

type WriteCommand = Extract<
  Command,
  { readonly type: 'object.put' | 'upload.complete' | 'object.promote' }
>;

/** `bytes`: of the version that is made, as sums count it. Operators stand above quotas, as in Swift. */
export async function executeWrite<C extends WriteCommand>(
  services: Services,
  ctx: RequestContext,
  about: { readonly container: ResolvedContainer; readonly bytes: () => Promise<number> | number },
  command: C,
): Promise<CommandResult<C>> {
  const { rows, knownAccounts } = services;
  const { account, policy } = about.container.row;
  const isFree = ctx.principal.role === 'reseller';
  const quota = isFree ? undefined : (await knownAccounts.of(services, account)).quota;
  if (quota === undefined) return rows.execute(command);
  const bytes = await about.bytes();
  const growth = (): Promise<Allowance> =>
    growthOf(services, about.container, { key: command.key, bytes });
  return withinQuota(services, quota, { account, policy, growth }, (allowance) =>
    rows.execute({ ...command, allowance }),
  );
}

/** As it is now: the commit checks that it adds no more. */
async function growthOf(
  services: Services,
  container: ResolvedContainer,
  version: { readonly key: string; readonly bytes: number },
): Promise<Allowance> {
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

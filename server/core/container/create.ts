/**
 * Creating a container touches three shards: the account's directory line, the bucket's global name
 * and the container's own row. It is a recorded intent (decision 0005): the line says what shall
 * be, and whoever meets a `creating` line may finish it. The container's own row is the truth:
 * it lives, is a tombstone, or was not made yet; a tombstone never comes back.
 */
import { StoreError } from '../../../base/errors.ts';
import { authorise, covers } from '../access/demand.ts';
import { domainToNote } from '../access/principal.ts';
import type { ContainerInfo, Core } from '../api.ts';
import type { RequestContext } from '../request.ts';
import { accountIdOf, bucketNameId, newId } from '../ids.ts';
import { checkContainerName, isBucketName } from '../limits.ts';
import { CLIENT_SETTING, patchMetadata } from '../metadata.ts';
import type { ContainerIntent, ContainerRow, DirectoryRow } from '../model.ts';
import type { Services } from '../services.ts';
import { readInfo } from './info.ts';
import { noUsage } from '../quota/usage.ts';
import { cleanUp } from './find.ts';

const OP = 'container.create';

/** Each round means that somebody else created or deleted the same name meanwhile. */
const MAX_ROUNDS = 8;

type Address = Parameters<Core['createContainer']>[1];
type Options = Parameters<Core['createContainer']>[2];

interface Creation {
  readonly account: string;
  readonly name: string;
  readonly line: DirectoryRow;
}

/** What became of an intent: the container lives; it lived and is deleted already; or its name is another's. */
type Finished =
  | { readonly type: 'live'; readonly row: ContainerRow }
  | { readonly type: 'deleted'; readonly row: ContainerRow | undefined }
  | { readonly type: 'name-taken' };

export async function createContainer(
  services: Services,
  ctx: RequestContext,
  address: Address,
  options: Options,
): Promise<{ readonly created: boolean; readonly info: ContainerInfo }> {
  const { rows, bodies, limits } = services;
  const { account, container: name } = address;
  checkContainerName(limits, name, OP);
  const { permit } = ctx;
  if (permit === undefined || !covers(permit, address, 'container.create')) {
    await authorise(services, ctx, { address, actions: ['container.create'] });
  }
  const policy = options.policy ?? bodies.defaultPolicy;
  if (!bodies.policies.some((one) => one.name === policy)) {
    throw new StoreError('invalid-argument', OP, 'there is no such policy', {
      detail: { argument: 'policy', value: policy },
    });
  }
  const check = { limits: services.metadataLimits, prefix: CLIENT_SETTING };
  const settings = patchMetadata({}, options.settings, check);
  const versioning = options.versioning ?? 'off';
  const { claimName: claim, lock } = options;
  const locked = lock === undefined ? {} : { lock };
  const intent: ContainerIntent = { claimName: claim, settings, versioning, ...locked };
  const accountId = accountIdOf(account);
  const row = await rows.get('account', { accountId });
  const domain = domainToNote(ctx.principal, account, row);
  if (row === undefined || domain !== undefined) {
    const noted = domain === undefined ? {} : { domain };
    await rows.execute({ type: 'account.ensure', accountId, name: account, ...noted });
  }
  for (let round = 0; round < MAX_ROUNDS; round++) {
    // Fresh in every round: the id of an abandoned creation is dead for good.
    const containerId = newId(services.random);
    const begin = { accountId, name, containerId, policy, intent };
    const line = await rows.execute({ type: 'directory.begin', ...begin });
    const isOurs = line.containerId === containerId;
    const finished = await finishCreation(services, { account, name, line });
    if (finished.type === 'live') {
      const { row } = finished;
      const info = await readInfo(services, { containerId: line.containerId, row });
      return { created: isOurs, info };
    }
    if (isOurs && finished.type === 'name-taken') throw nameTaken(name);
    if (
      isOurs &&
      finished.type === 'deleted' &&
      finished.row !== undefined &&
      finished.row.abandoned !== true
    ) {
      // Somebody finished it for us, and it was deleted since: it did exist.
      return { created: true, info: { containerId, row: finished.row, usage: noUsage } };
    }
  }
  throw new StoreError('conflict', OP, 'others create and delete this container all the time');
}

function nameTaken(name: string): StoreError {
  return new StoreError('name-taken', OP, 'another account has this bucket name', {
    detail: { container: name },
  });
}

/** Brings a line to its end, whoever began it. Any step may have been done by others before. */
export async function finishCreation(services: Services, creation: Creation): Promise<Finished> {
  const { rows } = services;
  const { account, name, line } = creation;
  const { containerId, policy, intent } = line;
  const gone = { account, name, containerId };
  const existing = await rows.get('container', { containerId });
  if (existing?.state === 'deleted') return cleanUp(services, gone, existing);
  if (existing?.state === 'live' && line.state === 'ready') return { type: 'live', row: existing };
  if (intent === undefined) {
    // A ready line without a container: nothing that could be finished.
    await rows.execute({ type: 'container.abandon', containerId, account, name, policy });
    return cleanUp(services, gone, undefined);
  }
  if (existing === undefined && !(await claimName(services, creation, intent))) {
    const abandon = { containerId, account, name, policy };
    const isDead = await rows.execute({ type: 'container.abandon', ...abandon });
    if (isDead) {
      const row = await rows.get('container', { containerId });
      const cleaned = await cleanUp(services, gone, row);
      // It may also have lived, finished by a helper, and been deleted: then it did come to be.
      return row?.abandoned === true ? { type: 'name-taken' } : cleaned;
    }
    // A helper got the name before it was taken: the container lives.
  }
  const { claimName: _claim, ...wanted } = intent;
  const create = { containerId, account, name, policy, ...wanted };
  const lives = await rows.execute({ type: 'container.create', ...create });
  const row = await rows.get('container', { containerId });
  if (!lives || row?.state !== 'live') return cleanUp(services, gone, row);
  await rows.execute({
    type: 'directory.ready',
    accountId: accountIdOf(account),
    name,
    containerId,
  });
  return { type: 'live', row };
}

/** Whether the creation may go on: the name is ours, or need not be. */
async function claimName(
  services: Services,
  creation: Creation,
  intent: ContainerIntent,
): Promise<boolean> {
  const { account, name, line } = creation;
  const isRequired = intent.claimName === 'required';
  if (!isRequired && !isBucketName(name)) return true;
  const nameId = bucketNameId(name);
  const { containerId } = line;
  const claim = { nameId, account, containerId };
  for (let round = 0; round < MAX_ROUNDS; round++) {
    if (await services.rows.execute({ type: 'bucketName.claim', ...claim })) return true;
    if (!(await releaseStaleName(services, name))) return !isRequired;
  }
  return !isRequired;
}

/** A claim outlives its container when somebody died half-way: it is nobody's. Returns whether to try again. */
async function releaseStaleName(services: Services, name: string): Promise<boolean> {
  const { rows } = services;
  const nameId = bucketNameId(name);
  const owner = await rows.get('bucketName', { nameId });
  if (owner === undefined) return true;
  const { containerId } = owner;
  const row = await rows.get('container', { containerId });
  if (row?.state === 'live') return false;
  if (row === undefined) {
    // Perhaps it is being created right now: help, so that the name has an owner or is free.
    const accountId = accountIdOf(owner.account);
    const line = await rows.get('directory', { accountId, name });
    if (line?.containerId === containerId) {
      const finished = await finishCreation(services, { account: owner.account, name, line });
      return finished.type !== 'live';
    }
  }
  const { account } = owner;
  const dead = { containerId, account, name, policy: row?.policy ?? services.bodies.defaultPolicy };
  if (await rows.execute({ type: 'container.abandon', ...dead })) {
    await rows.execute({ type: 'bucketName.release', nameId, containerId });
  }
  return true;
}

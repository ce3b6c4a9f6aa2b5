/**
 * Lets a request in: before its body is read, and before it learns what is there. Every route is
 * held to the permission that the table of routes names, and to what its headers ask for besides.
 */
import { isStoreError } from '../../../base/errors.ts';
import type { RequestContext } from '../../core/request.ts';
import type { Action } from '../../core/access/actions.ts';
import type { Demand } from '../../core/access/demand.ts';
import type { Call, Operation, Route, S3Reply } from '../call.ts';
import { s3Error } from '../codes.ts';
import { parseVersionId } from '../object/version-id.ts';
import { TAGGING_HEADER } from '../tagging/tags.ts';
import { type S3Action, actionOfVersion, s3Actions } from './actions.ts';

/**
 * Operations whose permission depends on what their (bounded) body says: they ask `authorise`
 * themselves, once it is read. Before that only the bucket is looked up.
 */
const asksLater: ReadonlySet<string> = new Set(['PostObject', 'DeleteObjects', 'PutObjectTagging']);

/** The context in which the route runs. Throws `AccessDenied`, `NoSuchBucket`. */
export async function admit(call: Call, route: Route): Promise<RequestContext> {
  const actions = asksLater.has(route.name) ? [] : actionsOf(call, route.action, route.name);
  try {
    return await call.door.core.authorise(call.context, {
      address: addressOf(call, route),
      actions,
    });
  } catch (error) {
    const isRefusal =
      isStoreError(error, 'access-denied') || isStoreError(error, 'unauthenticated');
    if (isRefusal && isRead(call) && (await isKnownToBeAbsent(call))) throw s3Error('NoSuchKey');
    throw error;
  }
}

function isRead(call: Call): boolean {
  const { method } = call.request;
  return call.key !== '' && (method === 'GET' || method === 'HEAD');
}

/** Whoever may list the bucket is told what is not in it, whatever else it may not do. */
async function isKnownToBeAbsent(call: Call): Promise<boolean> {
  if (call.query.has('versionId')) return false;
  const { core } = call.door;
  const { bucket: container, key } = call;
  const address = { account: undefined, container };
  const context = listingContext(call.context, key);
  if (!(await core.isAllowed(context, { address, actions: ['container.list'] }))) return false;
  const query = { prefix: key, delimiter: '', after: undefined, before: undefined };
  const { page } = await core.listObjects(context, address, { ...query, reverse: false, limit: 1 });
  return page.items[0]?.name !== key;
}

/** A key that is asked for is to rules about listings a listing of that prefix. */
function listingContext(context: RequestContext, key: string): RequestContext {
  const { facts } = context;
  return { ...context, facts: (name) => (name === 'list.prefix' ? [key] : facts?.(name)) };
}

/** For an operation on an object whose body had to be read first. Throws `AccessDenied`. */
export function askLater(call: Call, actions: readonly Action[]): Promise<RequestContext> {
  const versionId = parseVersionId(call.query.get('versionId'));
  const address = { account: undefined, container: call.bucket, key: call.key, versionId };
  return call.door.core.authorise(call.context, { address, actions });
}

function addressOf(call: Call, route: Route): Demand['address'] {
  const { account } = call.context.principal;
  if (route.shape === 'service') return { account, container: '' };
  if (route.shape === 'account') {
    const stated = call.headers.get('x-amz-account-id') ?? '';
    if (call.door.users.accountOf(stated) !== account) throw s3Error('AccessDenied');
    return { account, container: '' };
  }
  if (route.name === 'CreateBucket') return { account, container: call.bucket };
  if (route.shape === 'bucket') return { account: undefined, container: call.bucket };
  const versionId = parseVersionId(call.query.get('versionId'));
  return { account: undefined, container: call.bucket, key: call.key, versionId };
}

/** The route's own permission first. */
export function actionsOf(call: Call, action: S3Action, name: string): readonly Action[] {
  const hasVersion = call.query.has('versionId');
  const actions = actionsNamed(actionOfVersion(action, hasVersion));
  // The bytes are not shown, but their size and checksums are.
  const needsRead = name === 'GetObjectAttributes';
  if (needsRead) actions.push(...actionsNamed(actionOfVersion('s3:GetObject', hasVersion)));
  if (action === 's3:PutObject' || action === 's3:DeleteObject') actions.push(...ofCondition(call));
  if (beginsObject.has(name)) actions.push(...ofNewObject(call));
  return actions;
}

function actionsNamed(name: S3Action): Action[] {
  const [action] = s3Actions.get(name) ?? [];
  return action === undefined ? [] : [action];
}

/** They bring along what an object bears besides its bytes. */
const beginsObject: ReadonlySet<string> = new Set([
  'PutObject',
  'CopyObject',
  'CreateMultipartUpload',
  'PostObject',
]);

/** Whoever may compare entity tags learns them. */
function ofCondition({ headers }: Call): readonly Action[] {
  return headers.has('if-match') ? ['object.read'] : [];
}

function ofNewObject({ headers }: Call): readonly Action[] {
  const actions: Action[] = [];
  if ((headers.get(TAGGING_HEADER) ?? '') !== '') actions.push('object.bring-tags');
  if (headers.has('x-amz-object-lock-mode') || headers.has('x-amz-object-lock-retain-until-date')) {
    actions.push('object.write-retention');
  }
  if (headers.has('x-amz-object-lock-legal-hold')) actions.push('object.write-hold');
  return actions;
}

/**
 * Runs a route. Who may not list a bucket must not learn either that a key is not there: reads of
 * such are answered AccessDenied (Amazon S3 API reference, GetObject, "Permissions").
 */
export async function runDiscreetly(call: Call, run: Operation): Promise<S3Reply> {
  try {
    return await run(call);
  } catch (error) {
    if (!isRead(call) || !isAbsence(error)) throw error;
    if (call.context.permit?.leave === 'owner') throw error;
    if (await mayKnowAbsence(call.context, call, call)) throw error;
    throw s3Error('AccessDenied');
  }
}

export function isAbsence(error: unknown): boolean {
  if (isStoreError(error, 'is-delete-marker')) return true;
  if (!isStoreError(error, 'no-such-object')) return false;
  const { code } = error.detail;
  return code === undefined || code === 'NoSuchKey';
}

/** Whether the caller may list the bucket at this key. */
export async function mayKnowAbsence(
  context: RequestContext,
  call: Call,
  at: { readonly bucket: string; readonly key: string },
): Promise<boolean> {
  const address = { account: undefined, container: at.bucket };
  const listing = listingContext(context, at.key);
  return call.door.core.isAllowed(listing, { address, actions: ['container.list'] });
}

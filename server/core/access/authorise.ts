/**
 * The one place where access is decided, for both doors. Order: explicit denials; then what a
 * principal is (owner, reader, holder of a signed permission); then grants of the container, of its
 * account and of the object. Rows are read only as far as the question needs them: an owner of a
 * container without rules costs nothing.
 */
import { StoreError, isStoreError } from '../../../base/errors.ts';
import type { RequestContext } from '../request.ts';
import type { ResolvedContainer } from '../container/find.ts';
import { accountIdOf } from '../ids.ts';
import type { VersionRow } from '../model.ts';
import { locateVersion } from '../object/locate.ts';
import type { Services } from '../services.ts';
import { type Action, isReading, objectOwnersOwn, ownerAlways } from './actions.ts';
import { type Deed, findGrant, isDenied } from './evaluate.ts';
import { joinLimits } from './rules.ts';
import { joinFacts } from './facts.ts';
import { isOwnerOf, isPermitted, isReaderOf, namesAt } from './principal.ts';
import { checkWritable } from './read-only.ts';
import { type PreparedRules, noRules } from './rule-book.ts';
import type { Leave } from './permit.ts';

/** Where: an account, perhaps a container, perhaps an object in it. */
export interface Place {
  readonly account: string;
  readonly container: ResolvedContainer | undefined;
  /** As asked for, whether it is there or not. */
  readonly containerName: string;
  readonly key?: string | undefined;
  readonly versionId?: string | undefined;
}

export type Verdict = Leave | 'denied';

/** Throws `unauthenticated` (nobody asks) or `access-denied`. */
export async function checkAccess(
  services: Services,
  ctx: RequestContext,
  place: Place,
  action: Action,
): Promise<Leave> {
  checkWritable(services.readOnly, place.account, action);
  const verdict = await judge(services, ctx, place, action);
  if (verdict !== 'denied') return verdict;
  // Nobody who could prove to be somebody else is told to do so.
  if (ctx.principal.type !== 'user') {
    throw new StoreError('unauthenticated', action, 'credentials are needed');
  }
  throw new StoreError('access-denied', action, 'access is denied');
}

export async function judge(
  services: Services,
  ctx: RequestContext,
  place: Place,
  action: Action,
): Promise<Verdict> {
  const { account, container } = place;
  const { principal } = ctx;
  const rules =
    container === undefined
      ? noRules
      : services.ruleBook.ofContainer(container.containerId, container.row);
  const isOwner = isOwnerOf(principal, account);
  if (isOwner && rules.denials.length === 0 && !rules.ownedByWriter) return 'owner';
  // Operators stand above the rules of accounts.
  if (isOwner && principal.role === 'reseller') return 'owner';
  if (isOwner && ownerAlways.has(action)) return 'owner';
  const object = new ObjectOnDemand(services, place);
  const deed = await deedOf(services, ctx, { place, action, rules, object });
  if (isDenied(rules.denials, deed)) return 'denied';
  if (isEntitled(deed, place, isOwner)) {
    const isForeign = rules.ownedByWriter && objectOwnersOwn.has(action);
    if (!isForeign || (await object.ownerIs(account))) return isOwner ? 'owner' : 'role';
  }
  return judgeGrants(services, { deed, place, rules, object });
}

/** By what the principal is, rather than by a rule. */
function isEntitled(deed: Deed, place: Place, isOwner: boolean): boolean {
  const { principal, action, account, key } = deed;
  if (isOwner) return true;
  if (isReaderOf(principal, account) && isReading(action)) return true;
  const { permits } = principal;
  if (principal.type !== 'temporary' || permits === undefined) return false;
  return isPermitted(permits, { action, account, container: place.containerName, key });
}

interface Question {
  readonly deed: Deed;
  readonly place: Place;
  readonly rules: PreparedRules;
  readonly object: ObjectOnDemand;
}

async function judgeGrants(services: Services, question: Question): Promise<Verdict> {
  const { rules, object } = question;
  const { container, principal, account } = question.deed;
  const accountRow = await services.rows.get('account', { accountId: accountIdOf(account) });
  const ofAccount = services.ruleBook.ofAccount(accountRow);
  const names = namesAt(principal, account, accountRow?.domain);
  const deed: Deed = { ...question.deed, names };
  if (isDenied(ofAccount.denials, deed)) return 'denied';
  const limits = joinLimits([rules.limits, ofAccount.limits]);
  const isForeign = rules.ownedByWriter && objectOwnersOwn.has(deed.action);
  // A container's policy does not speak of objects that belong to others.
  if (!isForeign || (await object.ownerIs(deed.account))) {
    if (names.some((name) => ofAccount.owners.has(name))) return 'owner';
    const grant = findGrant(rules, deed, limits) ?? findGrant(ofAccount, deed, limits);
    if (grant !== undefined) return grant;
  }
  if (!isReadOfObject(deed.action) || container === undefined) return 'denied';
  const row = await object.row();
  if (row === undefined) return 'denied';
  const { grants } = services.ruleBook.ofObject(row, container);
  return findGrant({ grants, hasPublicPolicy: false }, deed, limits) ?? 'denied';
}

export async function accountRules(services: Services, account: string): Promise<PreparedRules> {
  const row = await services.rows.get('account', { accountId: accountIdOf(account) });
  return services.ruleBook.ofAccount(row);
}

/** An object's own rules say who may read it and who may change those rules, and nothing else. */
function isReadOfObject(action: Action): boolean {
  return objectOwnersOwn.has(action);
}

async function deedOf(
  services: Services,
  ctx: RequestContext,
  about: {
    readonly place: Place;
    readonly action: Action;
    readonly rules: PreparedRules;
    readonly object: ObjectOnDemand;
  },
): Promise<Deed> {
  const { place, action, rules } = about;
  const { account, key } = place;
  const { principal } = ctx;
  const container = place.container?.row;
  const object = rules.needObject.has(action) ? await about.object.row() : undefined;
  const subject = { principal, account, container, key, object };
  const facts = joinFacts(subject, {
    now: services.clock.now(),
    request: ctx.facts,
    dialects: services.ruleBook.dialects,
  });
  return { principal, action, account, container, key, facts };
}

/** The version that is asked for, read at most once, and only if a rule needs it. */
class ObjectOnDemand {
  readonly #services: Services;
  readonly #place: Place;
  #reading: Promise<VersionRow | undefined> | undefined;

  constructor(services: Services, place: Place) {
    this.#services = services;
    this.#place = place;
  }

  row(): Promise<VersionRow | undefined> {
    this.#reading ??= this.#read();
    return this.#reading;
  }

  /** Whether the account has the object for its own; what is not there is nobody else's. */
  async ownerIs(account: string): Promise<boolean> {
    const { container } = this.#place;
    const row = await this.row();
    if (row === undefined || container === undefined) return true;
    return this.#services.ruleBook.ofObject(row, container.row).owner === account;
  }

  async #read(): Promise<VersionRow | undefined> {
    const { container, key, versionId } = this.#place;
    if (container === undefined || key === undefined || key === '') return undefined;
    const { containerId } = container;
    const hasHistory = container.row.versioning !== 'off';
    try {
      const at = { containerId, key, versionId, hasHistory, withBody: false };
      return (await locateVersion(this.#services, at)).row;
    } catch (error) {
      // What is not there, or is a marker, has no rules; the operation itself says so.
      if (isStoreError(error, 'no-such-object') || isStoreError(error, 'no-such-version')) {
        return undefined;
      }
      if (isStoreError(error, 'is-delete-marker')) return undefined;
      throw error;
    }
  }
}

import { compareUtf8 } from '../../base/bytes.ts';
import type { Core } from '../core/api.ts';
import type { RequestContext } from '../core/request.ts';
import { type VersionRow, versionIdOf } from '../core/model.ts';
import type { PageQuery } from '../core/ports.ts';
import type { Walk } from '../feeds/walk.ts';

interface Version {
  readonly key: string;
  readonly row: VersionRow;
}

/** What a feed's target has of a version. */
export interface Standing {
  /** It has not got it, or not as it is now. */
  readonly isUnsent: boolean;
  /** It has had it. */
  readonly isThere: boolean;
}

export interface UnsentVersion extends Version {
  readonly standing: Standing;
  /** The target has a newer one of the same key: sent now, this would lie on top of it. */
  readonly isOvertaken: boolean;
}

/** One key, or all within these bounds. */
export type Which = { readonly key: string } | Walk;

export type Place = Which & {
  readonly context: RequestContext;
  readonly account: string;
  readonly container: string;
};

const PAGE_ROWS = 500;
/** Of one key; more of them are found by the next walk. Some 10 MB of rows. */
const MAX_OF_KEY = 10_000;

/** What the target has not got of a container or a key, of each key from the oldest to the newest. */
export async function* unsentVersions(
  core: Core,
  at: Place,
  standingOf: (row: VersionRow) => Standing,
): AsyncGenerator<UnsentVersion> {
  let ofKey: UnsentVersion[] = [];
  let key: string | undefined;
  let isOvertaken = false;
  for await (const version of allVersions(core, at)) {
    if (version.key !== key) {
      yield* ofKey.toReversed();
      ({ key } = version);
      ofKey = [];
      isOvertaken = false;
    }
    const standing = standingOf(version.row);
    if (standing.isUnsent) ofKey.push({ ...version, standing, isOvertaken });
    isOvertaken ||= standing.isThere;
    // Listed from the newest on: the oldest ones are kept.
    if (ofKey.length > MAX_OF_KEY) ofKey.shift();
  }
  yield* ofKey.toReversed();
}

/** By key, newest first. */
export async function* allVersions(
  core: Core,
  place: Place,
): AsyncGenerator<Version & { readonly isLatest: boolean }> {
  const { context, account, container } = place;
  const whole = { delimiter: '', reverse: false, limit: PAGE_ROWS };
  // A key comes before all that begin with it.
  const { prefix, after, before, key, first } =
    'key' in place
      ? { prefix: place.key, after: undefined, before: undefined, key: place.key, first: '' }
      : { prefix: '', ...place, key: undefined, first: place.from };
  const query = { ...whole, prefix, before };
  let from: Pick<PageQuery, 'after'> & { readonly afterVersionId?: string } = { after };
  for (;;) {
    const page = await core.listVersions(context, { account, container }, { ...query, ...from });
    for (const item of page.items) {
      if (key !== undefined && item.name !== key) return;
      if (compareUtf8(item.name, first) < 0) continue;
      if (item.type === 'row') yield { key: item.name, row: item.row, isLatest: item.isLatest };
    }
    const last = page.items.at(-1);
    if (!page.truncated || last?.type !== 'row') return;
    from = { after: last.name, afterVersionId: versionIdOf(last.row) };
  }
}

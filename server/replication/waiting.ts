import type { Core, RequestContext } from '../core/api.ts';
import { type VersionRow, versionIdOf } from '../core/model.ts';
import type { PageQuery } from '../core/ports.ts';

export interface WaitingVersion {
  readonly key: string;
  readonly row: VersionRow;
}

const PAGE_ROWS = 500;
/** Of one key; more of them are found by the next walk. Some 10 MB of rows. */
const MAX_OF_KEY = 10_000;

/** The versions of a container that `waits` holds for, those of one key from the oldest to the newest. */
export async function* waitingVersions(
  core: Core,
  at: {
    readonly context: RequestContext;
    readonly account: string;
    readonly container: string;
  },
  waits: (row: VersionRow) => boolean,
): AsyncGenerator<WaitingVersion> {
  let ofKey: WaitingVersion[] = [];
  for await (const version of allVersions(core, at)) {
    if (ofKey[0] !== undefined && ofKey[0].key !== version.key) {
      yield* ofKey.toReversed();
      ofKey = [];
    }
    if (!waits(version.row)) continue;
    ofKey.push(version);
    // Listed from the newest on: the oldest ones are kept.
    if (ofKey.length > MAX_OF_KEY) ofKey.shift();
  }
  yield* ofKey.toReversed();
}

/** By key, newest first. */
export async function* allVersions(
  core: Core,
  at: {
    readonly context: RequestContext;
    readonly account: string;
    readonly container: string;
  },
): AsyncGenerator<WaitingVersion & { readonly isLatest: boolean }> {
  const { context, account, container } = at;
  const whole = { prefix: '', delimiter: '', before: undefined, reverse: false, limit: PAGE_ROWS };
  let from: Pick<PageQuery, 'after'> & { readonly afterVersionId?: string } = { after: undefined };
  for (;;) {
    const page = await core.listVersions(context, { account, container }, { ...whole, ...from });
    for (const item of page.items) {
      if (item.type === 'row') yield { key: item.name, row: item.row, isLatest: item.isLatest };
    }
    const last = page.items.at(-1);
    if (!page.truncated || last?.type !== 'row') return;
    from = { after: last.name, afterVersionId: versionIdOf(last.row) };
  }
}

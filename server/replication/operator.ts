/** What `torc replication` asks a running server for. */
import { StoreError } from '../../base/errors.ts';
import { markOf } from '../core/feed/mark.ts';
import { accountIdOf } from '../core/ids.ts';
import type { RowStore } from '../core/ports.ts';

/** Undefined: it is no call about replication. */
export async function answerReplicationCall(
  rows: RowStore,
  path: string,
  parameters: URLSearchParams,
): Promise<string | undefined> {
  if (path !== '/replication/retry') return undefined;
  const account = parameters.get('account') ?? '';
  const name = parameters.get('container') ?? '';
  const rules = await retry(rows, account, name);
  return `What the targets of ${rules} rule${rules === 1 ? '' : 's'} have not got of ${account}/${name} is tried again; torc_feed_dropped in the metrics is 0 when that is over.`;
}

/** Every version that waits or was refused, however often. Resolves with the number of rules. */
async function retry(rows: RowStore, account: string, name: string): Promise<number> {
  const line = await rows.get('directory', { accountId: accountIdOf(account), name });
  const containerId = line?.containerId ?? '';
  const container = line && (await rows.get('container', { containerId }));
  const feeds = (container?.feeds ?? []).filter(({ purpose }) => purpose === 'replication');
  if (feeds.length === 0) {
    const sentence = `${account}/${name} is no container with rules of replication`;
    throw new StoreError('invalid-argument', 'replication.retry', sentence);
  }
  for (const feed of feeds) {
    await rows.execute({ type: 'feed.catch-up', containerId, feedId: markOf(feed) });
  }
  return feeds.length;
}

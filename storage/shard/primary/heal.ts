/** Inline bodies whose bytes are bad or gone on the primary's device. */
import type { Logger } from '../../../base/log.ts';
import type { StoredRow } from '../row.ts';
import type { ShardPrimary } from './primary.ts';

/** Takes a body from another in-sync replica and writes it anew on the primary's device. */
export async function healBody(
  primary: ShardPrimary,
  row: StoredRow,
  logger: Logger,
): Promise<Uint8Array | undefined> {
  if (row.body === undefined) return undefined;
  for (const peer of primary.inSyncPeers.slice(1)) {
    const body = await peer.readBody(row.key, row.body).catch(() => undefined);
    if (body === undefined) continue;
    const fields = { event: 'shard.body-healed', shard: primary.state.id };
    // The answer does not wait for the repair, and does not fail with it: the next read tries again.
    primary.local.relocate([{ row, body }]).then(
      () => logger.info(fields, 'A damaged inline body was written anew from another replica.'),
      (error: unknown) =>
        logger.warn({ ...fields, reason: String(error) }, 'A damaged inline body stays as it is.'),
    );
    return body;
  }
  return undefined;
}

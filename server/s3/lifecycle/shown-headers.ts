/** Replies tell what rules will do with an object or an upload, and whether an archived object can be read. */
import type { UploadDue } from '../../core/lifecycle/due.ts';
import type { Expiration } from '../../core/lifecycle/rules.ts';
import type { VersionRow } from '../../core/model.ts';
import type { HeaderPairs } from '../../http/exchange.ts';
import { formatHttpDate } from '../../http/conditional.ts';
import { encodeStrictly } from '../auth/canonical.ts';

export function pushExpiration(pairs: HeaderPairs, expiration: Expiration | undefined): void {
  if (expiration === undefined) return;
  const { at, ruleId } = expiration;
  const date = formatHttpDate(at);
  pairs.push(['x-amz-expiration', `expiry-date="${date}", rule-id="${encodeStrictly(ruleId)}"`]);
}

export function pushAbort(pairs: HeaderPairs, abort: UploadDue | undefined): void {
  if (abort === undefined) return;
  pairs.push(['x-amz-abort-date', formatHttpDate(abort.at)]);
  pairs.push(['x-amz-abort-rule-id', encodeStrictly(abort.ruleId)]);
}

export function pushRestore(pairs: HeaderPairs, { restore }: Pick<VersionRow, 'restore'>): void {
  if (restore === undefined) return;
  const value =
    restore.state === 'ongoing'
      ? 'ongoing-request="true"'
      : `ongoing-request="false", expiry-date="${formatHttpDate(restore.until)}"`;
  pairs.push(['x-amz-restore', value]);
}

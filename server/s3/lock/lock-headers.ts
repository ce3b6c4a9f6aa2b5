/** Object lock in headers: what writes ask for, what reads show, and the wish to bypass governance. */
import type { ObjectLock } from '../../core/model.ts';
import type { HeaderPairs } from '../../http/exchange.ts';
import { invalidArgument, s3Error } from '../codes.ts';
import { formatIsoMillis, parseIsoDate } from '../dates.ts';
import type { RequestHeaders } from '../request-headers.ts';
import { parseHold, parseMode, shownHold, shownMode } from './modes.ts';

const MODE = 'x-amz-object-lock-mode';
const UNTIL = 'x-amz-object-lock-retain-until-date';
const HOLD = 'x-amz-object-lock-legal-hold';
const BYPASS = 'x-amz-bypass-governance-retention';

/** The lock that a write asks for; undefined when it names none. Throws `InvalidArgument`. */
export function readLock(headers: RequestHeaders): ObjectLock | undefined {
  const retention = readRetention(headers);
  const hold = headers.get(HOLD);
  if (retention === undefined && hold === undefined) return undefined;
  const legalHold = hold === undefined ? undefined : parseHold(hold);
  if (hold !== undefined && legalHold === undefined) {
    throw invalidArgument(HOLD, hold, "Legal Hold must be either of 'ON' or 'OFF'");
  }
  return {
    ...(retention === undefined ? {} : { retention }),
    ...(legalHold === undefined ? {} : { legalHold }),
  };
}

function readRetention(headers: RequestHeaders): ObjectLock['retention'] {
  const modeText = headers.get(MODE);
  const untilText = headers.get(UNTIL);
  if (modeText === undefined && untilText === undefined) return undefined;
  if (modeText === undefined || untilText === undefined) {
    throw invalidArgument(
      modeText === undefined ? MODE : UNTIL,
      '',
      'x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied',
    );
  }
  const mode = parseMode(modeText);
  if (mode === undefined) throw invalidArgument(MODE, modeText, 'Unknown wormMode directive.');
  const until = parseIsoDate(untilText);
  if (until === undefined) {
    throw invalidArgument(
      UNTIL,
      untilText,
      'The retain until date must be provided in ISO 8601 format',
    );
  }
  return { mode, until };
}

/** Amazon takes no lock over a body that nothing vouches for. */
export function checkLockedBody(
  lock: ObjectLock | undefined,
  body: { readonly md5?: string | undefined; readonly stated: string | undefined },
): void {
  if (lock === undefined || body.md5 !== undefined || body.stated !== undefined) return;
  throw s3Error(
    'InvalidRequest',
    'Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters',
  );
}

export function wishesBypass(headers: RequestHeaders): boolean {
  const value = headers.get(BYPASS);
  if (value === undefined) return false;
  const word = value.toLowerCase();
  if (word === 'true' || word === 'false') return word === 'true';
  throw invalidArgument(BYPASS, value, 'The value must be true or false.');
}

/** On GET and HEAD. A retention that cannot be read is shown as far as it can. */
export function pushLock(pairs: HeaderPairs, lock: ObjectLock | undefined): void {
  if (lock === undefined) return;
  const { retention, legalHold } = lock;
  if (retention !== undefined && Number.isFinite(retention.until)) {
    pairs.push([MODE, shownMode(retention.mode)]);
    pairs.push([UNTIL, formatIsoMillis(retention.until)]);
  }
  if (legalHold !== undefined) pairs.push([HOLD, shownHold(legalHold)]);
}

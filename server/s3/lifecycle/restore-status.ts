/** What listings tell of restored objects, where the request asks for it by `x-amz-optional-object-attributes`. */
import type { VersionRow } from '../../core/model.ts';
import type { Call } from '../call.ts';
import { invalidArgument } from '../codes.ts';
import { formatIsoDate } from '../dates.ts';
import { element, leaf } from '../xml/writer.ts';

const HEADER = 'x-amz-optional-object-attributes';

type RestoreMarkup = (row: Pick<VersionRow, 'restore'>) => string;

/** Throws `InvalidArgument` for an attribute that there is not. */
export function restoreMarkup(call: Call): RestoreMarkup {
  const text = call.headers.get(HEADER);
  if (text === undefined) return () => '';
  const names = text.split(',').map((name) => name.trim());
  if (names.some((name) => name !== 'RestoreStatus')) {
    throw invalidArgument(HEADER, text, 'Invalid attribute name specified.');
  }
  return ({ restore }) => {
    if (restore === undefined) return '';
    const until = restore.state === 'done' ? formatIsoDate(restore.until) : undefined;
    return element(
      'RestoreStatus',
      leaf('IsRestoreInProgress', restore.state === 'ongoing') + leaf('RestoreExpiryDate', until),
    );
  };
}

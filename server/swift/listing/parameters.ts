/** A listing's query parameters as the bounds of a page. */
import type { PageQuery } from '../../core/ports.ts';
import { isTrue } from '../headers.ts';
import { listingLimit } from '../limits.ts';
import type { Query } from '../query.ts';
import { refuse } from '../reply.ts';

export interface ListingParameters {
  readonly page: PageQuery;
  /** `path=`: one level of a pseudo-directory, without the names below it. Ends with `/` unless empty. */
  readonly path: string | undefined;
}

/** Throws Refusal 412 for a limit beyond `listingLimit` and 400 for bytes that are not UTF-8. */
export function readListingParameters(query: Query): ListingParameters {
  const marker = query.text('marker') ?? '';
  const endMarker = query.text('end_marker') ?? '';
  const reverse = isTrue(query.text('reverse'));
  // The markers follow the order of the page: in reverse it starts at the larger one.
  const [after, before] = reverse ? [endMarker, marker] : [marker, endMarker];
  const path = query.text('path');
  const level = path === undefined || path === '' ? path : `${withoutSlashes(path)}/`;
  return {
    page: {
      prefix: level ?? query.text('prefix') ?? '',
      delimiter: level === undefined ? (query.text('delimiter') ?? '') : '/',
      after: after === '' ? undefined : after,
      before: before === '' ? undefined : before,
      reverse,
      limit: readLimit(query),
    },
    path: level,
  };
}

function withoutSlashes(path: string): string {
  let end = path.length;
  while (end > 0 && path[end - 1] === '/') end -= 1;
  return path.slice(0, end);
}

/** Anything but digits is ignored, as Swift does (its own client sends `5000.0`). */
function readLimit(query: Query): number {
  const text = query.text('limit') ?? '';
  if (!/^\d+$/.test(text)) return listingLimit;
  const limit = Number(text);
  if (limit > listingLimit) throw refuse(412, `Maximum limit is ${listingLimit}`);
  return limit;
}

/** Which names a feed walks that has let events go (decision 0022). */
import type { BacklogRow, ContainerRow } from '../core/model.ts';

export interface Walk {
  /** The first name that counts. */
  readonly from: string;
  /** As a listing's `after`: nearly nothing lies between it and `from`. */
  readonly after: string | undefined;
  /** The first name behind them; undefined: to the container's end. */
  readonly before: string | undefined;
}

/** All names that the events may have been about. Each piece of a container walks its own. */
export function walkOf(feed: Pick<BacklogRow, 'to'>, { piece }: Pick<ContainerRow, 'piece'>): Walk {
  const from = piece?.from ?? '';
  return { from, after: from === '' ? undefined : beforeName(from), before: feed.to };
}

/** A name before this one, and before few others. Order is that of UTF-8 bytes, which is that of code points. */
function beforeName(name: string): string | undefined {
  const points = Array.from(name);
  const last = points.pop()?.codePointAt(0) ?? 0;
  const head = points.join('');
  if (last === 0) return head === '' ? undefined : head;
  // No text has a half of a surrogate pair.
  const lower = last === 0xe000 ? 0xd7ff : last - 1;
  return head + String.fromCodePoint(lower, 0x10ffff);
}

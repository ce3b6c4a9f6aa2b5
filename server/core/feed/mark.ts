import type { Feed, Id } from '../model.ts';

/** The id by which versions name a feed: the same in all pieces of a container, so that it stands when a version goes over to another piece (decision 0036). */
export function markOf({ id, of }: Pick<Feed, 'id' | 'of'>): Id {
  return of ?? id;
}

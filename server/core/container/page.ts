import type { PageQuery } from '../ports.ts';
import type { Services } from '../services.ts';

/** The query with no more items than one page may have. */
export function boundedQuery(services: Services, query: PageQuery): PageQuery {
  const { maxPageItems } = services.limits;
  return query.limit <= maxPageItems ? query : { ...query, limit: maxPageItems };
}

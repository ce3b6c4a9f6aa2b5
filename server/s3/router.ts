/** Picks the row of the route table that a request means. */
import { s3Error } from './codes.ts';
import type { Shape } from './address.ts';
import type { Query } from './query.ts';
import type { RequestHeaders } from './request-headers.ts';
import type { Route } from './call.ts';
import { routes } from './routes.ts';

interface Group {
  /** Rows with a marker, by it. */
  readonly marked: Map<string, Route[]>;
  readonly plain: Route[];
}

const groups = new Map<string, Group>();
for (const route of routes) {
  const name = `${route.method} ${route.shape}`;
  const group = groups.get(name) ?? { marked: new Map<string, Route[]>(), plain: [] };
  groups.set(name, group);
  if (route.marker === undefined) group.plain.push(route);
  else group.marked.set(route.marker, [...(group.marked.get(route.marker) ?? []), route]);
}

/** Throws `MethodNotAllowed` when no operation has this method. */
export function pickRoute(
  method: string,
  shape: Shape,
  query: Query,
  headers: RequestHeaders,
): Route {
  const group = groups.get(`${method} ${shape}`);
  if (group === undefined) {
    throw s3Error('MethodNotAllowed', undefined, {
      Method: method,
      ResourceType: shape.toUpperCase(),
    });
  }
  for (const name of query.names()) {
    const marked = group.marked.get(name);
    const route = marked === undefined ? undefined : byHeader(marked, headers);
    if (route !== undefined) return route;
  }
  const route = byHeader(group.plain, headers);
  if (route === undefined) throw s3Error('MethodNotAllowed');
  return route;
}

/** Rows that need a header stand before the row without. */
function byHeader(rows: readonly Route[], headers: RequestHeaders): Route | undefined {
  return rows.find((row) => row.header === undefined || headers.has(row.header));
}

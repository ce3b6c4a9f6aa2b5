/** Picks the row of the route table that a request means. */
import { invalidArgument, s3Error } from './codes.ts';
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

/** Of every row, whatever its method and shape. */
const markers: ReadonlySet<string> = new Set(routes.flatMap(({ marker = [] }) => marker));
const changing: ReadonlySet<string> = new Set(['PUT', 'POST', 'DELETE']);

/** Throws `MethodNotAllowed` when no operation has this method, or none has it of the sub-resource that is named. */
export function pickRoute(
  method: string,
  shape: Shape,
  query: Query,
  headers: RequestHeaders,
): Route {
  const group = groups.get(`${method} ${shape}`);
  if (group === undefined) {
    throw notAllowed(method, shape);
  }
  for (const name of query.names()) {
    const marked = isPartWithoutNumber(method, name, query) ? undefined : group.marked.get(name);
    const route = marked === undefined ? undefined : byHeader(marked, headers);
    if (route !== undefined) return route;
  }
  refuseOthersMarkers(method, shape, query);
  const route = byHeader(group.plain, headers);
  if (route === undefined) throw notAllowed(method, shape);
  return route;
}

/**
 * A sub-resource that this place does not have is not passed over where something would be written
 * or deleted: `DELETE /bucket/key?uploads` means no deletion of the object.
 */
function refuseOthersMarkers(method: string, shape: Shape, query: Query): void {
  if (shape === 'object' && method === 'GET') {
    if (query.has('uploads')) {
      throw s3Error(
        'InvalidRequest',
        'Key is not expected for the GET method ?uploads subresource',
      );
    }
    if (query.has('versions')) {
      throw s3Error(
        'InvalidRequest',
        'There is no such thing as the ?versions sub-resource for a key',
      );
    }
  }
  if (!changing.has(method)) return;
  const other = [...query.names()].find((name) => markers.has(name));
  if (other !== undefined) throw notAllowed(method, other);
  if (shape === 'object' && query.has('partNumber')) {
    throw invalidArgument(
      'partNumber',
      query.get('partNumber') ?? '',
      'This operation does not accept partNumber without uploadId',
    );
  }
}

function notAllowed(method: string, resource: string): Error {
  const detail = { Method: method, ResourceType: resource.toUpperCase() };
  return s3Error('MethodNotAllowed', undefined, detail);
}

/** PUT has a use for an upload's id only together with a part's number. */
function isPartWithoutNumber(method: string, marker: string, query: Query): boolean {
  return method === 'PUT' && marker === 'uploadId' && !query.has('partNumber');
}

/** Rows that need a header stand before the row without. */
function byHeader(rows: readonly Route[], headers: RequestHeaders): Route | undefined {
  return rows.find((row) => row.header === undefined || headers.has(row.header));
}

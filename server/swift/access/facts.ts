/** What conditions may ask about a request of this door (core/access/facts.ts names the facts). */
import type { Facts } from '../../core/access/facts.ts';
import type { HttpRequest } from '../../http/exchange.ts';
import { textOf } from '../../http/header-text.ts';
import type { Headers } from '../headers.ts';
import type { Query } from '../query.ts';

export function factsOf(request: HttpRequest, headers: Headers, query: Query): Facts {
  return (name) => {
    const value = lookUp(request, headers, query, name);
    return value === undefined ? undefined : [value];
  };
}

function lookUp(
  request: HttpRequest,
  headers: Headers,
  query: Query,
  name: string,
): string | undefined {
  switch (name) {
    case 'source-ip':
      return request.remoteAddress;
    case 'secure':
      return String(request.secure);
    case 'tls-version':
      return request.tlsVersion;
    case 'user-agent':
    case 'referer':
    case 'if-match':
    case 'if-none-match': {
      const value = headers.get(name);
      return value === undefined ? undefined : textOf(value);
    }
    case 'version-id':
      return query.text('version-id');
    case 'list.prefix':
      return query.text('prefix');
    case 'list.delimiter':
      return query.text('delimiter');
    case 'list.limit':
      return query.text('limit');
    default:
      return undefined;
  }
}

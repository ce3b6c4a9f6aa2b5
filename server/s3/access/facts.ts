/** What conditions may ask about a request of this door (core/access/facts.ts names the facts). */
import { parseDate } from '../../core/access/condition.ts';
import type { Facts } from '../../core/access/facts.ts';
import type { Principal } from '../../core/api.ts';
import type { HttpRequest } from '../../http/exchange.ts';
import { textOf } from '../../http/header-text.ts';
import type { DoorParts } from '../call.ts';
import { parseAmzDate } from '../dates.ts';
import { COPY_SOURCE, parseCopySource } from '../object/copy-source.ts';
import type { Query } from '../query.ts';
import type { RequestHeaders } from '../request-headers.ts';
import { type Tag, TAGGING_HEADER, parseTaggingHeader } from '../tagging/tags.ts';

export interface FactSource {
  readonly door: DoorParts;
  readonly request: HttpRequest;
  readonly headers: RequestHeaders;
  readonly query: Query;
  readonly principal: Principal;
  /** A form carries its signature in its body. */
  readonly isForm?: boolean | undefined;
  /** Of the request's document; else those of its header are read. */
  readonly tags?: readonly Tag[] | undefined;
}

export function factsOf(source: FactSource): Facts {
  return (name) => {
    const value = name.includes(':') ? named(source, name) : plain(source, name);
    return typeof value === 'string' ? [value] : value;
  };
}

type Values = string | readonly string[] | undefined;

function plain(source: FactSource, name: string): Values {
  const { request, query } = source;
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
    case 'if-none-match':
      return header(source, name);
    case 'region':
      return source.door.region;
    case 'copy-source':
      return copySource(source);
    case 'creates-object':
      return String(!query.has('uploadId'));
    case 'lock-days':
      return lockDays(source);
    case 'version-id':
      return query.get('versionId');
    case 'list.prefix':
      return query.get('prefix');
    case 'list.delimiter':
      return query.get('delimiter');
    case 'list.limit':
      return query.get('max-keys');
    case 'request-tag-keys':
      return tagsOf(source)?.map(({ key }) => key);
    default:
      return signature(source, name);
  }
}

function named(source: FactSource, name: string): Values {
  const colon = name.indexOf(':');
  const family = name.slice(0, colon);
  const rest = name.slice(colon + 1);
  if (family === 'header') return header(source, rest);
  if (family !== 'request-tag') return undefined;
  return tagsOf(source)?.find(({ key }) => key === rest)?.value;
}

function header({ headers }: FactSource, name: string): string | undefined {
  const value = headers.get(name);
  return value === undefined ? undefined : textOf(value);
}

/** A header that is no tag set is refused by the operation; here it is none. */
function tagsOf({ headers, tags }: FactSource): readonly Tag[] | undefined {
  if (tags !== undefined) return tags;
  const text = headers.get(TAGGING_HEADER);
  return text === undefined ? undefined : parseTaggingHeader(text);
}

/** As policies may write it, with a slash before the bucket and without. */
function copySource({ headers }: FactSource): Values {
  const text = headers.get(COPY_SOURCE);
  if (text === undefined) return undefined;
  const { container, key } = parseCopySource(text);
  return [`${container}/${key}`, `/${container}/${key}`];
}

const DAY_MILLIS = 86_400_000;

/** Whole days until the retention that the request asks for ends. */
function lockDays({ headers, door }: FactSource): string | undefined {
  const end = parseDate(headers.get('x-amz-object-lock-retain-until-date') ?? '');
  if (end === undefined) return undefined;
  return String(Math.ceil((end - door.clock.now()) / DAY_MILLIS));
}

function signature(source: FactSource, name: string): Values {
  const { query, headers, principal, isForm = false, door } = source;
  if (principal.type === 'anonymous') return undefined;
  const isQuery = query.has('X-Amz-Signature') || query.has('Signature');
  switch (name) {
    case 'auth-type':
      return isForm ? 'POST' : isQuery ? 'REST-QUERY-STRING' : 'REST-HEADER';
    case 'signature-version': {
      const isOld =
        headers.get('authorization')?.startsWith('AWS ') === true || query.has('AWSAccessKeyId');
      return isOld ? 'AWS' : 'AWS4-HMAC-SHA256';
    }
    case 'signature-age': {
      const stamp = query.get('X-Amz-Date') ?? headers.get('x-amz-date');
      const signedAt = stamp === undefined ? undefined : parseAmzDate(stamp);
      return signedAt === undefined ? undefined : String(Math.max(0, door.clock.now() - signedAt));
    }
    default:
      return undefined;
  }
}

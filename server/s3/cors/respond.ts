/** CORS as browsers see it: preflights, and what every reply to a page of another origin carries. */
import type { Core, Principal } from '../../core/api.ts';
import type { HeaderPairs, HttpReply } from '../../http/exchange.ts';
import { anonymous } from '../auth/identity.ts';
import { s3Error } from '../codes.ts';
import type { RequestHeaders } from '../request-headers.ts';
import {
  CORS,
  type CorsMatch,
  type CorsRule,
  corsMethods,
  matchCors,
  readStoredRules,
} from './rules.ts';

const VARY = 'Origin, Access-Control-Request-Headers, Access-Control-Request-Method';
const REQUEST_METHOD = 'access-control-request-method';

/** Nobody signs a preflight, and no permission is needed: what it tells, the bucket's owner wanted told. */
export async function answerPreflight(
  core: Core,
  bucket: string,
  headers: RequestHeaders,
): Promise<HttpReply> {
  const origin = headers.get('origin');
  const method = headers.get(REQUEST_METHOD);
  if (origin === undefined || origin === '') throw s3Error('BadRequest');
  if (method === undefined || !corsMethods.has(method)) {
    throw s3Error('BadRequest', `Invalid Access-Control-Request-Method: ${method ?? 'null'}`);
  }
  const asked = headerNames(headers.get('access-control-request-headers'));
  const row = await core.peekContainer(anonymous, bucket);
  if (row === undefined && bucket !== '') throw s3Error('NoSuchBucket');
  const rules = readStoredRules(row?.settings[CORS]);
  if (rules.length === 0) throw s3Error('AccessForbidden');
  const match = matchCors(rules, { origin, method, headers: asked });
  if (match === undefined) {
    throw s3Error(
      'AccessForbidden',
      "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.",
      { Method: method, ResourceType: 'OBJECT' },
    );
  }
  const pairs = matchHeaders(match, origin);
  if (asked.length > 0) pairs.push(['Access-Control-Allow-Headers', asked.join(', ')]);
  return { status: 200, headers: pairs, body: new Uint8Array(0) };
}

/** Of a reply, good or bad, to a request that came from a page; none for other requests. */
export async function corsHeaders(
  core: Core,
  principal: Principal,
  bucket: string,
  request: { readonly method: string; readonly headers: RequestHeaders },
): Promise<HeaderPairs> {
  const origin = request.headers.get('origin');
  if (origin === undefined || bucket === '') return [];
  const rules = await rulesOf(core, principal, bucket);
  if (rules.length === 0) return [];
  const method = request.headers.get(REQUEST_METHOD) ?? request.method;
  const match = matchCors(rules, { origin, method, headers: [] });
  return match === undefined ? [['Vary', VARY]] : matchHeaders(match, origin);
}

async function rulesOf(
  core: Core,
  principal: Principal,
  bucket: string,
): Promise<readonly CorsRule[]> {
  const row = await core.peekContainer(principal, bucket);
  return readStoredRules(row?.settings[CORS]);
}

function headerNames(text: string | undefined): readonly string[] {
  if (text === undefined) return [];
  return text
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '');
}

function matchHeaders({ rule, isOpen }: CorsMatch, origin: string): HeaderPairs {
  const pairs: HeaderPairs = [
    ['Access-Control-Allow-Origin', isOpen ? '*' : origin],
    ['Access-Control-Allow-Methods', rule.allowedMethods.join(', ')],
  ];
  if (rule.exposeHeaders.length > 0) {
    pairs.push(['Access-Control-Expose-Headers', rule.exposeHeaders.join(', ')]);
  }
  if (rule.maxAgeSeconds !== undefined) {
    pairs.push(['Access-Control-Max-Age', String(rule.maxAgeSeconds)]);
  }
  if (!isOpen) pairs.push(['Access-Control-Allow-Credentials', 'true']);
  pairs.push(['Vary', VARY]);
  return pairs;
}

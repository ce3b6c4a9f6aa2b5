/**
 * A bucket as a website: what browsers get at the endpoint that the server's settings name
 * ("Hosting a static website using Amazon S3"). Everybody visits as nobody: signatures are not
 * looked at, and only what policies and ACLs open to the public is shown. Errors are HTML.
 */
import { type StoreError, isStoreError, toStoreError } from '../../../base/errors.ts';
import type { ContainerRow } from '../../core/model.ts';
import type { HttpReply, HttpRequest } from '../../http/exchange.ts';
import { s3Error } from '../codes.ts';
import { failureOf } from '../error-table.ts';
import { decodePercent } from '../query.ts';
import { escapeXml } from '../xml/writer.ts';
import { WEBSITE, type Website, readStoredWebsite } from './configuration.ts';
import { type Visit, encodePath, findRule, location, ruleLocation } from './redirect.ts';

/** What the door lends to its websites. */
export interface WebsiteParts {
  readonly request: HttpRequest;
  readonly bucket: string;
  readonly host: string;
  /** Shown in error pages. */
  readonly requestId: string;
  readonly hostId: string;
  readonly bucketRow: () => Promise<ContainerRow | undefined>;
  /** GetObject or HeadObject by nobody. Throws StoreError. */
  readonly read: (key: string) => Promise<HttpReply>;
}

/** Of a browser's headers, those that mean anything to a website. */
export function visitorHeaders(rawHeaders: readonly string[]): readonly string[] {
  const kept: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const [name = '', value = ''] = rawHeaders.slice(i, i + 2);
    const lower = name.toLowerCase();
    if (lower !== 'authorization' && !lower.startsWith('x-amz-')) kept.push(name, value);
  }
  return kept;
}

/** Never throws StoreError. */
export async function serveWebsite(parts: WebsiteParts): Promise<HttpReply> {
  try {
    const { request, host } = parts;
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      throw s3Error('MethodNotAllowed', undefined, { Method: request.method });
    }
    const row = await parts.bucketRow();
    if (row === undefined) throw s3Error('NoSuchBucket');
    const website = readStoredWebsite(row.settings[WEBSITE]);
    if (website === undefined) throw s3Error('NoSuchWebsiteConfiguration');
    const key = decodePercent(request.path.slice(1));
    return await visitWebsite(parts, website, { secure: request.secure, host, key });
  } catch (thrown) {
    return errorPage(parts, toStoreError(thrown, 's3.website'));
  }
}

async function visitWebsite(
  parts: WebsiteParts,
  website: Website,
  visit: Visit,
): Promise<HttpReply> {
  const { redirectAll } = website;
  if (redirectAll !== undefined) {
    return redirectTo(301, location(redirectAll.protocol, redirectAll.hostName, visit));
  }
  const rule = findRule(website, visit.key);
  if (rule !== undefined) return redirectTo(rule.redirectCode ?? 301, ruleLocation(rule, visit));
  const suffix = website.indexSuffix ?? '';
  const isFolder = visit.key === '' || visit.key.endsWith('/');
  try {
    return followed(await parts.read(isFolder ? visit.key + suffix : visit.key));
  } catch (thrown) {
    const error = toStoreError(thrown, 's3.website');
    if (!isFolder && (await hasIndex(parts, `${visit.key}/${suffix}`))) {
      return redirectTo(302, `/${encodePath(visit.key)}/`);
    }
    return answerError(parts, website, visit, error);
  }
}

/** An object may stand for another place. */
function followed(reply: HttpReply): HttpReply {
  const header = reply.headers.find(([name]) => name === 'x-amz-website-redirect-location');
  if (header === undefined) return reply;
  discard(reply);
  return redirectTo(301, header[1]);
}

/** A body that nobody will read is told so. */
function discard(reply: HttpReply): void {
  const { body } = reply;
  if (body === undefined || body instanceof Uint8Array) return;
  const opened = body[Symbol.asyncIterator]();
  opened.return?.().catch(() => undefined);
}

async function hasIndex(parts: WebsiteParts, key: string): Promise<boolean> {
  try {
    discard(await parts.read(key));
    return true;
  } catch (thrown) {
    if (isStoreError(thrown)) return false;
    throw thrown;
  }
}

async function answerError(
  parts: WebsiteParts,
  website: Website,
  visit: Visit,
  error: StoreError,
): Promise<HttpReply> {
  const { status } = failureOf(error);
  if (status < 400) return { status, headers: [] };
  const rule = findRule(website, visit.key, status);
  if (rule !== undefined) return redirectTo(rule.redirectCode ?? 301, ruleLocation(rule, visit));
  if (website.errorKey === undefined || status >= 500) return errorPage(parts, error);
  try {
    const page = await parts.read(website.errorKey);
    const { code, message } = failureOf(error);
    return { ...page, status, headers: [...page.headers, ...errorHeaders(code, message)] };
  } catch (thrown) {
    return errorPage(parts, error, toStoreError(thrown, 's3.website'));
  }
}

function redirectTo(status: number, to: string): HttpReply {
  return { status, headers: [['Location', to]], body: new Uint8Array(0) };
}

function errorHeaders(code: string, message: string): (readonly [string, string])[] {
  return [
    ['x-amz-error-code', code],
    ['x-amz-error-message', message.replace(/[^\x20-\x7e]/g, ' ')],
  ];
}

function errorPage(parts: WebsiteParts, error: StoreError, second?: StoreError): HttpReply {
  const { code, status, message } = failureOf(error);
  const title = `${status} ${titles[status] ?? 'Error'}`;
  const line = (name: string, text: string): string => `<li>${name}: ${escapeXml(text)}</li>\n`;
  const about = { Code: code, Message: message };
  const named = code === 'NoSuchBucket' || code === 'NoSuchWebsiteConfiguration';
  const lines = Object.entries({ ...about, ...(named ? { BucketName: parts.bucket } : {}) });
  let html = `<html>\n<head><title>${title}</title></head>\n<body>\n<h1>${title}</h1>\n<ul>\n`;
  html += lines.map(([name, text]) => line(name, text)).join('');
  html += line('RequestId', parts.requestId) + line('HostId', parts.hostId);
  html += '</ul>\n';
  if (second !== undefined) {
    const failure = failureOf(second);
    html += '<h3>An Error Occurred While Attempting to Retrieve a Custom Error Document</h3>\n';
    html += `<ul>\n${line('Code', failure.code)}${line('Message', failure.message)}</ul>\n`;
  }
  html += '<hr/>\n</body>\n</html>\n';
  const headers = [['Content-Type', 'text/html; charset=utf-8'] as const];
  return {
    status,
    headers: [...headers, ...errorHeaders(code, message)],
    ...(parts.request.method === 'HEAD' ? {} : { body: Buffer.from(html) }),
  };
}

const titles: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  416: 'Requested Range Not Satisfiable',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};

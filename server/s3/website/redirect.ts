/** Where a website sends its visitors instead. */
import type { HeaderPairs } from '../../http/exchange.ts';
import { headerBytes } from '../../http/exchange.ts';
import { textOf } from '../../http/header-text.ts';
import { s3Error } from '../codes.ts';
import type { RequestHeaders } from '../request-headers.ts';
import type { RoutingRule, Website } from './configuration.ts';

/** Entry of an object's `system`. */
export const REDIRECT = 's3:website-redirect';
const HEADER = 'x-amz-website-redirect-location';
const MAX_LOCATION_BYTES = 2048;

/** Throws `InvalidRedirectLocation`. */
export function readRedirectHeader(headers: RequestHeaders): string | undefined {
  const wire = headers.get(HEADER);
  if (wire === undefined) return undefined;
  if (!/^(?:\/|https?:\/\/)/.test(wire)) throw s3Error('InvalidRedirectLocation');
  if (wire.length > MAX_LOCATION_BYTES) {
    const message = 'The length of website redirect location cannot exceed 2,048 characters.';
    throw s3Error('InvalidRedirectLocation', message);
  }
  return textOf(wire);
}

export function pushRedirect(pairs: HeaderPairs, location: string | undefined): void {
  if (location !== undefined) pairs.push([HEADER, headerBytes(location)]);
}

export interface Visit {
  readonly secure: boolean;
  /** Host header. */
  readonly host: string;
  /** Decoded, without the leading slash. */
  readonly key: string;
}

/** Without `status`: rules that count before anything is looked up. */
export function findRule(website: Website, key: string, status?: number): RoutingRule | undefined {
  return website.rules.find(
    (rule) =>
      rule.errorCodeEquals === status &&
      (rule.keyPrefixEquals === undefined || key.startsWith(rule.keyPrefixEquals)),
  );
}

export function ruleLocation(rule: RoutingRule, visit: Visit): string {
  const prefix = rule.keyPrefixEquals ?? '';
  const key =
    rule.replaceKeyWith ??
    (rule.replaceKeyPrefixWith === undefined
      ? visit.key
      : rule.replaceKeyPrefixWith + visit.key.slice(prefix.length));
  return location(rule.protocol, rule.hostName, { ...visit, key });
}

export function location(
  protocol: string | undefined,
  hostName: string | undefined,
  visit: Visit,
): string {
  const scheme = protocol ?? (visit.secure ? 'https' : 'http');
  return `${scheme}://${hostName ?? visit.host}/${encodePath(visit.key)}`;
}

/** Percent-encoded, slashes kept: nothing in a key can end the header or begin another. A query or fragment that a rule wrote stays one. */
export function encodePath(key: string): string {
  return encodeURI(key.toWellFormed());
}

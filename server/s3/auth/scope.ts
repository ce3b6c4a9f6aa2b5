/** Credential scopes: `AKID/20260131/us-east-1/s3/aws4_request`, in a header or in a query. */
import type { StoreError } from '../../../base/errors.ts';
import { s3Error } from '../codes.ts';

export interface Scope {
  readonly accessKeyId: string;
  /** `20260131`. */
  readonly date: string;
  readonly region: string;
  /** Everything after the access key, as it is signed. */
  readonly text: string;
}

/** What this store calls the place it is in. */
export interface Region {
  readonly region: string;
  /** Other names that requests may use, as those of stores that were here before. */
  readonly regionAliases: readonly string[];
}

export function isRegion({ region, regionAliases }: Region, name: string): boolean {
  return name === region || regionAliases.includes(name);
}

/** Where the credential stood decides the code: each has its own at Amazon. */
export type ScopePlace = 'header' | 'query';

export function scopeError(
  place: ScopePlace,
  sentence: string,
  fields: Readonly<Record<string, string>> = {},
): StoreError {
  return place === 'header'
    ? s3Error(
        'AuthorizationHeaderMalformed',
        `The authorization header is malformed; ${sentence}`,
        fields,
      )
    : s3Error('AuthorizationQueryParametersError', sentence, fields);
}

export function parseScope(credential: string, place: ScopePlace, own: Region): Scope {
  const before = place === 'header' ? '' : 'Error parsing the X-Amz-Credential parameter; ';
  const fail = (sentence: string, fields: Readonly<Record<string, string>> = {}): StoreError =>
    scopeError(place, before + sentence, fields);
  const pieces = credential.split('/');
  // An access key may hold slashes; the scope is the last four.
  const [date, scopeRegion, service, terminal] = pieces.slice(-4);
  if (
    pieces.length < 5 ||
    date === undefined ||
    scopeRegion === undefined ||
    service === undefined ||
    terminal === undefined
  ) {
    throw fail(
      'the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".',
    );
  }
  if (terminal !== 'aws4_request') {
    throw fail(`incorrect terminal "${terminal}". This endpoint uses "aws4_request".`);
  }
  if (service !== 's3') {
    throw fail(`incorrect service "${service}". This endpoint belongs to "s3".`);
  }
  if (!isRegion(own, scopeRegion)) {
    const { region } = own;
    throw fail(`the region '${scopeRegion}' is wrong; expecting '${region}'`, { Region: region });
  }
  if (!/^\d{8}$/.test(date)) {
    throw fail(
      `incorrect date format "${date}". This date in the credential must be in the format "yyyyMMdd".`,
    );
  }
  return {
    accessKeyId: pieces.slice(0, -4).join('/'),
    date,
    region: scopeRegion,
    text: `${date}/${scopeRegion}/${service}/${terminal}`,
  };
}

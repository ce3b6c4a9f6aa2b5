/** Parameters that every listing has: limits, `encoding-type`, and owners. */
import { micros } from '../../base/units.ts';
import type { UserDirectory } from '../core/users.ts';
import type { Call } from './call.ts';
import { encodeStrictly } from './auth/canonical.ts';
import { invalidArgument } from './codes.ts';
import { leaf } from './xml/writer.ts';

const MAX_PAGE = 1000;

/** How many items the client wants, at most a thousand; what it asked for is echoed only up to that. */
export function parseLimit(call: Call, name: string): number {
  const text = call.query.get(name);
  if (text === undefined || text === '') return pageLimit(call);
  if (!/^-?\d{1,10}$/.test(text)) {
    throw invalidArgument(name, text, `Provided ${name} not an integer or within integer range`);
  }
  const value = Number(text);
  if (value < 0 || value > 2_147_483_647) {
    throw invalidArgument(
      name,
      text,
      `Argument ${name} must be an integer between 0 and 2147483647`,
    );
  }
  return Math.min(value, pageLimit(call));
}

function pageLimit(call: Call): number {
  return Math.min(MAX_PAGE, call.door.core.limits.maxPageItems);
}

export interface NameEncoding {
  readonly isUrl: boolean;
  /** A name as this listing shows it, before XML escaping. */
  readonly show: (name: string) => string;
}

const plain: NameEncoding = { isUrl: false, show: (name) => name };
const url: NameEncoding = {
  isUrl: true,
  show: (name) => encodeStrictly(name).replaceAll('%2F', '/'),
};

export function parseEncoding(call: Call): NameEncoding {
  const text = call.query.get('encoding-type');
  if (text === undefined || text === '') return plain;
  if (text.toLowerCase() === 'url') return url;
  throw invalidArgument('encoding-type', text, 'Invalid Encoding Method specified in Request');
}

/** How Amazon calls whoever showed no credentials. */
const nobody = { id: '65a011a29cdf8ec533ec3d1ccaae921c', displayName: 'anonymous' } as const;

/** An account as clients see it; '' is nobody's. */
export function shownOwner(
  users: UserDirectory,
  account: string,
): { readonly id: string; readonly displayName: string } {
  return account === '' ? nobody : users.ownerOf(account);
}

/** `<Owner>` (or `<Initiator>`) of an account. */
export function ownerMarkup(users: UserDirectory, account: string, element = 'Owner'): string {
  const owner = shownOwner(users, account);
  return `<${element}>${leaf('ID', owner.id)}${leaf('DisplayName', owner.displayName)}</${element}>`;
}

const TOKEN_VERSION = '1';

/** An opaque continuation token that holds a name. */
export function encodeToken(name: string): string {
  return TOKEN_VERSION + Buffer.from(name, 'utf8').toString('base64url');
}

/** The name in a token; throws `InvalidArgument` for text that is no token of ours. */
export function decodeToken(token: string): string {
  const name = Buffer.from(token.slice(1), 'base64url').toString('utf8');
  if (token === '' || encodeToken(name) !== token) {
    throw invalidArgument(
      'continuation-token',
      token,
      'The continuation token provided is incorrect',
    );
  }
  return name;
}

/** An upload's id as clients see it: core's id and its start, so that a marker alone says where a listing goes on. */
export function shownUploadId(upload: { uploadId: string; startedAt: number }): string {
  return upload.uploadId + upload.startedAt.toString(16).padStart(16, '0');
}

/** undefined when the text is no upload id of ours. */
export function parseUploadId(
  text: string,
): { readonly uploadId: string; readonly startedAt: ReturnType<typeof micros> } | undefined {
  if (!/^[0-9a-f]{32}00[01][0-9a-f]{13}$/.test(text)) return undefined;
  const startedAt = micros(Number.parseInt(text.slice(32), 16));
  return { uploadId: text.slice(0, 32), startedAt };
}

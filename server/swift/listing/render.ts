/** Listings in Swift's three formats. The field names and their order in XML are what clients parse. */
import { utf8 } from '../../../base/bytes.ts';
import type { HttpReply } from '../../http/exchange.ts';
import type { HeaderList } from '../reply.ts';
import type { ListingFormat, ListingType } from './format.ts';

/** One entry: what JSON shows, in the order in which XML shows it. */
export type ListingEntry =
  | { readonly subdir: string }
  | ({ readonly name: string } & Readonly<Record<string, string | number | boolean>>);

export interface ListingDocument {
  /** XML root: an account lists `container` elements, a container `object` elements. */
  readonly root: 'account' | 'container';
  readonly name: string;
  readonly entries: readonly ListingEntry[];
}

/** The body; empty only in plain text, where an empty listing is a 204. */
export function renderListing(document: ListingDocument, format: ListingFormat): Uint8Array {
  return utf8(renderers[format.type](document));
}

/**
 * 200 with the listing, or 204 when there is nothing to say (an empty plain listing, every HEAD).
 * A 204 needs no Content-Length by HTTP; Swift sends it there, and its clients look for it.
 */
export function listingReply(about: HeaderList, body: Uint8Array): HttpReply {
  // Swift's proxy says so of everything that it reads, and python-swiftclient's tests look for it.
  const headers: HeaderList = [...about, ['Accept-Ranges', 'bytes']];
  if (body.length > 0) return { status: 200, headers, body };
  return { status: 204, headers: [...headers, ['Content-Length', '0']] };
}

const renderers = {
  'text/plain': renderPlain,
  'application/json': renderJson,
  'application/xml': renderXml,
  'text/xml': renderXml,
} as const satisfies Record<ListingType, (document: ListingDocument) => string>;

function nameOf(entry: ListingEntry): string {
  // A record's field `subdir` cannot exist beside `name`: entries are made by this module's callers.
  return 'name' in entry ? entry.name : entry.subdir;
}

function renderPlain(document: ListingDocument): string {
  return document.entries.map((entry) => `${nameOf(entry)}\n`).join('');
}

function renderJson(document: ListingDocument): string {
  return JSON.stringify(document.entries);
}

function renderXml(document: ListingDocument): string {
  const { root, entries } = document;
  const element = root === 'account' ? 'container' : 'object';
  // Swift's account listing has a line an entry, its container listing none.
  const newline = root === 'account' ? '\n' : '';
  const lines = entries.map((entry) => {
    if (!('name' in entry)) {
      const inner = root === 'container' ? `<name>${xmlText(entry.subdir)}</name>` : '';
      const open = `<subdir name="${xmlAttribute(entry.subdir)}"`;
      return `${inner === '' ? `${open} />` : `${open}>${inner}</subdir>`}${newline}`;
    }
    const fields = Object.entries(entry)
      .map(([field, value]) => `<${field}>${xmlText(String(value))}</${field}>`)
      .join('');
    return `<${element}>${fields}</${element}>${newline}`;
  });
  const head = `<?xml version="1.0" encoding="UTF-8"?>\n<${root} name="${xmlAttribute(document.name)}"`;
  const body = newline + lines.join('');
  return body === '' ? `${head} />` : `${head}>${body}</${root}>`;
}

/** Characters that XML 1.0 has no way to hold go out as references all the same: lenient parsers take them, and dropping them would name another object. */
// oxlint-disable-next-line no-control-regex -- control characters are legal in object names.
const special = /[&<>\0-\x08\x0b-\x1f\x7f\uFFFE\uFFFF]/g;

/** Text of an XML element. */
export function xmlText(text: string): string {
  return text.replace(special, escapeCharacter);
}

function xmlAttribute(text: string): string {
  return xmlText(text).replace(/["\t\n]/g, escapeCharacter);
}

const named: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
};

function escapeCharacter(character: string): string {
  return named[character] ?? `&#${character.charCodeAt(0)};`;
}

/** Which of the listing formats a request wants: `format=` first, then Accept (swob's `Accept.best_match`). */
import type { Headers } from '../headers.ts';
import type { Query } from '../query.ts';
import { refuse } from '../reply.ts';

/** Offered in this order: what wins among equals. */
const offered = ['text/plain', 'application/json', 'application/xml', 'text/xml'] as const;
export type ListingType = (typeof offered)[number];

export interface ListingFormat {
  readonly type: ListingType;
  /** Content-Type of the reply. */
  readonly contentType: string;
  /** Whether Accept had a say, so that caches must know (`Vary`). */
  readonly varies: boolean;
}

const byName: Readonly<Record<string, ListingType>> = {
  plain: 'text/plain',
  json: 'application/json',
  xml: 'application/xml',
};

/** Throws Refusal 400 for a malformed Accept, 406 when nothing offered suits. */
export function chooseFormat(query: Query, headers: Headers): ListingFormat {
  const name = query.text('format') ?? '';
  const varies = !query.has('format');
  const type =
    name === '' ? bestMatch(headers.get('accept')) : (byName[name.toLowerCase()] ?? 'text/plain');
  return { type, contentType: `${type}; charset=utf-8`, varies };
}

/** For what only JSON can say. Throws Refusal 406 for any other wish. */
export function chooseJson(query: Query, headers: Headers): ListingFormat {
  const type = 'application/json';
  const name = query.text('format') ?? '';
  if (name === '') bestMatch(headers.get('accept'), [type]);
  else if (name.toLowerCase() !== 'json') throw refuse(406);
  return { type, contentType: `${type}; charset=utf-8`, varies: !query.has('format') };
}

interface AcceptedType {
  readonly type: string;
  readonly subtype: string;
  readonly quality: number;
}

function bestMatch(
  accept: string | undefined,
  offers: readonly [ListingType, ...ListingType[]] = offered,
): ListingType {
  if (accept === undefined || accept === '') return offers[0];
  const accepted = accept.split(',').map(parseAccepted);
  accepted.sort((a, b) => b.quality - a.quality || Number(isExact(b)) - Number(isExact(a)));
  for (const wanted of accepted) {
    const match = offers.find((offer) => matches(wanted, offer));
    if (match !== undefined) return match;
  }
  throw refuse(406);
}

const token = '[^()<>@,;:"/\\[\\]?={}\\x00-\\x20\\x7f]+';
const quoted = '"(?:[^"\\\\]|\\\\.)*"';
const mediaRange = new RegExp(
  `^\\s*(${token})/(${token})((?:\\s*;\\s*${token}\\s*=\\s*(?:${token}|${quoted}))*)\\s*$`,
);

function parseAccepted(text: string): AcceptedType {
  const match = mediaRange.exec(text);
  if (match === null) throw refuse(400, 'Invalid Accept header');
  const [, type = '', subtype = '', parameters = ''] = match;
  let quality: number | undefined;
  for (const parameter of parameters.split(';')) {
    const [name = '', value = ''] = parameter.split('=');
    if (name.trim() !== 'q') continue;
    if (quality !== undefined || !/^\s*\d*\.?\d+\s*$|^\s*\d+\.\s*$/.test(value)) {
      throw refuse(400, 'Invalid Accept header');
    }
    quality = Number(value);
  }
  return { type, subtype, quality: quality ?? 1 };
}

function isExact(accepted: AcceptedType): boolean {
  return accepted.type !== '*' && accepted.subtype !== '*';
}

function matches(accepted: AcceptedType, offer: string): boolean {
  const [type = '', subtype = ''] = offer.split('/');
  return (
    (accepted.type === '*' || accepted.type === type) &&
    (accepted.subtype === '*' || accepted.subtype === subtype)
  );
}

/**
 * Etags in quotes, as RFC 9110 wants them, where a container or its account asks for them: Swift's own
 * etags are bare MD5s (swift/common/middleware/etag_quoter.py).
 */
import type { MetadataPatch } from '../../core/commands.ts';
import type { Metadata } from '../../core/model.ts';
import type { HttpReply } from '../../http/exchange.ts';
import { titleCase } from '../../http/header-text.ts';
import type { SwiftDoorOptions } from '../call.ts';
import { type Headers, isTrue } from '../headers.ts';

/** Of a container's settings, and of an account's. */
const setting = 'swift:rfc-etags';

type Owner = 'account' | 'container';

/** What a PUT or POST of an account or container asks for. */
export function readEtagPatch(headers: Headers, owner: Owner): MetadataPatch {
  const name = `${owner}-rfc-compliant-etags`;
  if ((headers.get(`x-remove-${name}`) ?? '') !== '') return { [setting]: null };
  const value = headers.get(`x-${name}`);
  if (value === undefined) return {};
  return { [setting]: value === '' ? null : String(isTrue(value)) };
}

export function etagHeaders(settings: Metadata, owner: Owner): [string, string][] {
  const value = settings[setting];
  // As Python writes them.
  return value === undefined
    ? []
    : [[`X-${titleCase(owner)}-Rfc-Compliant-Etags`, value === 'true' ? 'True' : 'False']];
}

/** The reply to a request about an object, as its container, its account or the operator want it. */
export async function withQuotedEtag(
  door: SwiftDoorOptions,
  reply: HttpReply,
  about: { readonly account: string; readonly container: Metadata | undefined },
): Promise<HttpReply> {
  if (about.container === undefined) return reply;
  const own = about.container[setting];
  const wanted = own ?? (await door.core.accountSettings(about.account))[setting];
  const isWanted = wanted === undefined ? door.settings.quoteEtags : wanted === 'true';
  return isWanted ? { ...reply, headers: reply.headers.map(quoted) } : reply;
}

function quoted(header: readonly [string, string]): readonly [string, string] {
  const [name, value] = header;
  if (name.toLowerCase() !== 'etag' || /^(?:W\/)?".*"$/.test(value)) return header;
  return [name, `"${value}"`];
}

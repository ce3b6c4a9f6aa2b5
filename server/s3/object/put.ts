import { type Call, objectOf } from '../call.ts';
import { writeCondition } from '../conditions.ts';
import type { HttpReply } from '../../http/exchange.ts';
import {
  type HeaderPairs,
  pushChecksums,
  pushNewVersion,
  readObjectHeaders,
} from '../object-headers.ts';
import { openPayload } from '../payload/payload.ts';
import { withTags } from '../tagging/object-tagging.ts';

/** PutObject. */
export async function putObject(call: Call): Promise<HttpReply> {
  const { core } = call.door;
  const described = readObjectHeaders(call.headers);
  const body = openPayload(call, core.limits.maxBodyBytes);
  const outcome = await core.putObject(call.context, {
    ...objectOf(call),
    ...described,
    system: withTags(described.system, call.headers),
    body,
    condition: writeCondition(call.headers),
  });
  const headers: HeaderPairs = [['ETag', `"${outcome.row.etag}"`]];
  pushChecksums(headers, outcome.row);
  pushNewVersion(headers, outcome.row);
  return { status: 200, headers, body: new Uint8Array(0) };
}

/** Reading an object's sub-resources that nobody can have set. The object must be there. */
import type { HttpReply } from '../../http/exchange.ts';
import { privateAcl } from '../bucket/unset.ts';
import type { Call } from '../call.ts';
import { s3Error } from '../codes.ts';
import { type HeaderPairs, pushVersion } from '../object-headers.ts';
import { xmlReply } from '../xml/reply.ts';
import { xmlDocument } from '../xml/writer.ts';
import { openRow } from './open-row.ts';

export async function getObjectAcl(call: Call): Promise<HttpReply> {
  const { container } = await openRow(call);
  return privateAcl(call, container);
}

/** aws-cli asks for the tags of what it copies. */
export async function getObjectTagging(call: Call): Promise<HttpReply> {
  const { row, container } = await openRow(call);
  const headers: HeaderPairs = [];
  pushVersion(headers, row, container.versioning);
  return xmlReply(xmlDocument('Tagging', '<TagSet></TagSet>'), headers);
}

export async function noObjectLock(call: Call): Promise<HttpReply> {
  await openRow(call);
  throw s3Error('InvalidRequest', 'Bucket is missing Object Lock Configuration');
}

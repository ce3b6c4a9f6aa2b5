/**
 * GetBucketRequestPayment and PutBucketRequestPayment, and what follows from them: in a bucket whose
 * requesters pay, nobody but its account gets anything without saying that they know
 * ("Using Requester Pays general purpose buckets"). Nothing is billed here; access logs tell who would be.
 */
import type { ContainerRow } from '../../core/model.ts';
import type { HeaderPairs, HttpReply } from '../../http/exchange.ts';
import { type Call, bucketOf, bucketRowOf } from '../call.ts';
import { s3Error } from '../codes.ts';
import { readRequiredXml } from '../payload/document.ts';
import { leafText, malformedXml, onlyChildren, required } from '../xml/reader.ts';
import { xmlReply } from '../xml/reply.ts';
import { leaf, xmlDocument } from '../xml/writer.ts';

const PAYER = 's3:request-payment';
const REQUESTER = 'Requester';

export async function getBucketRequestPayment(call: Call): Promise<HttpReply> {
  const payer = bucketRowOf(call).settings[PAYER] ?? 'BucketOwner';
  await Promise.resolve();
  return xmlReply(xmlDocument('RequestPaymentConfiguration', leaf('Payer', payer)));
}

export async function putBucketRequestPayment(call: Call): Promise<HttpReply> {
  const root = await readRequiredXml(call, { root: 'RequestPaymentConfiguration' });
  const [node] = onlyChildren(root, ['Payer']);
  const payer = leafText(required(node)).trim();
  if (payer !== REQUESTER && payer !== 'BucketOwner') throw malformedXml();
  await call.door.core.updateContainer(call.context, bucketOf(call), {
    settings: { [PAYER]: payer === REQUESTER ? payer : null },
  });
  return { status: 200, headers: [], body: new Uint8Array(0) };
}

export function requesterPays(row: Pick<ContainerRow, 'settings'>): boolean {
  return row.settings[PAYER] === REQUESTER;
}

/** What replies of such a bucket say to those who pay; throws `AccessDenied` for those who did not say that they will. */
export function chargeRequester(call: Call): HeaderPairs {
  const row = call.context.permit?.found?.row;
  if (row === undefined || !requesterPays(row)) return [];
  const { principal } = call.identity;
  if (principal.account === row.account) return [];
  const says =
    call.headers.get('x-amz-request-payer') ?? call.query.get('x-amz-request-payer') ?? '';
  if (principal.type === 'anonymous' || says.toLowerCase() !== 'requester') {
    throw s3Error('AccessDenied');
  }
  return [['x-amz-request-charged', 'requester']];
}

import { isStoreError } from '../../../base/errors.ts';
import type { ContainerInfo } from '../../core/api.ts';
import type { Page } from '../../core/ports.ts';
import type { HttpReply } from '../../http/exchange.ts';
import type { Call } from '../call.ts';
import { invalidArgument, s3Error } from '../codes.ts';
import { formatIsoDate } from '../dates.ts';
import { decodeToken, encodeToken, ownerMarkup } from '../listing-parameters.ts';
import { xmlReply } from '../xml/reply.ts';
import { element, leaf, xmlDocument } from '../xml/writer.ts';

/** What Amazon lists at once: an account may have that many buckets. */
const MAX_BUCKETS = 10_000;

/** ListBuckets: the caller's own. */
export async function listBuckets(call: Call): Promise<HttpReply> {
  const { principal } = call.identity;
  if (principal.type === 'anonymous') throw s3Error('AccessDenied');
  const prefix = call.query.get('prefix') ?? '';
  const region = call.query.get('bucket-region');
  const token = call.query.get('continuation-token');
  const limit = parseMaxBuckets(call.query.get('max-buckets'));
  const after = token === undefined || token === '' ? undefined : decodeToken(token);
  const page =
    region !== undefined && region !== '' && region !== call.door.region
      ? { items: [], truncated: false }
      : await listAll(call, prefix, after, limit ?? MAX_BUCKETS);
  const buckets = page.items.map((item) => bucketMarkup(call, item.row));
  const last = page.truncated ? page.items.at(-1)?.name : undefined;
  const markup =
    ownerMarkup(call.door.users, principal.account) +
    element('Buckets', buckets.join('')) +
    leaf('ContinuationToken', last === undefined ? undefined : encodeToken(last)) +
    leaf('Prefix', prefix === '' ? undefined : prefix);
  return xmlReply(xmlDocument('ListAllMyBucketsResult', markup));
}

function parseMaxBuckets(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (value >= 1 && value <= MAX_BUCKETS) return value;
  throw invalidArgument(
    'max-buckets',
    text,
    'Argument max-buckets must be an integer between 1 and 10000.',
  );
}

type BucketItem = { readonly name: string; readonly row: ContainerInfo };

/** Core's pages are shorter than what Amazon lists at once. */
async function listAll(
  call: Call,
  prefix: string,
  start: string | undefined,
  limit: number,
): Promise<{ readonly items: readonly BucketItem[]; readonly truncated: boolean }> {
  const { core } = call.door;
  const items: BucketItem[] = [];
  let after = start;
  for (;;) {
    const wanted = Math.min(limit - items.length, core.limits.maxPageItems);
    const query = {
      prefix,
      delimiter: '',
      after,
      before: undefined,
      reverse: false,
      limit: wanted,
    };
    const page = await readPage(call, query);
    for (const item of page.items) if (item.type === 'row') items.push(item);
    after = page.items.at(-1)?.name;
    if (!page.truncated || after === undefined) return { items, truncated: false };
    if (items.length >= limit) return { items, truncated: true };
  }
}

async function readPage(
  call: Call,
  query: Parameters<typeof call.door.core.listContainers>[2],
): Promise<Page<ContainerInfo>> {
  try {
    const { account } = call.identity.principal;
    return await call.door.core.listContainers(call.context, account, query);
  } catch (error) {
    // An account exists from its first write on; until then it has no buckets.
    if (isStoreError(error, 'no-such-account')) return { items: [], truncated: false };
    throw error;
  }
}

function bucketMarkup(call: Call, info: ContainerInfo): string {
  return element(
    'Bucket',
    leaf('Name', info.row.name) +
      leaf('CreationDate', formatIsoDate(info.row.createdAt / 1000)) +
      leaf('BucketRegion', call.door.region),
  );
}

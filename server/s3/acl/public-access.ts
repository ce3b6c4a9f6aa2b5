/** GetPublicAccessBlock, PutPublicAccessBlock, DeletePublicAccessBlock: of a bucket, and of the caller's account. */
import type { Metadata } from '../../core/model.ts';
import type { HttpReply } from '../../http/exchange.ts';
import { type Call, bucketOf, bucketRowOf } from '../call.ts';
import { s3Error } from '../codes.ts';
import { readRequiredXml } from '../payload/document.ts';
import { xmlReply } from '../xml/reply.ts';
import { PUBLIC_BLOCK, blockDocument, parseBlock, readStoredBlock } from './public-block.ts';

const ROOT = 'PublicAccessBlockConfiguration';

export function getPublicAccessBlock(call: Call): Promise<HttpReply> {
  return Promise.resolve(shown(bucketRowOf(call).settings, { BucketName: call.bucket }));
}

function shown(settings: Metadata, about: Readonly<Record<string, string>>): HttpReply {
  const block = readStoredBlock(settings);
  if (block === undefined) {
    throw s3Error('NoSuchPublicAccessBlockConfiguration', undefined, about);
  }
  return xmlReply(blockDocument(block));
}

export async function putPublicAccessBlock(call: Call): Promise<HttpReply> {
  const block = parseBlock(await readRequiredXml(call, { root: ROOT }));
  await store(call, block);
  return { status: 200, headers: [], body: new Uint8Array(0) };
}

export async function deletePublicAccessBlock(call: Call): Promise<HttpReply> {
  await store(call, null);
  return { status: 204, headers: [] };
}

function store(call: Call, block: string | null): Promise<void> {
  const settings = { [PUBLIC_BLOCK]: block };
  return call.door.core.updateContainer(call.context, bucketOf(call), { settings });
}

export async function getAccountPublicAccessBlock(call: Call): Promise<HttpReply> {
  const { account } = call.context.principal;
  const row = await call.door.core.peekAccount(account);
  return shown(row?.settings ?? {}, { AccountId: call.headers.get('x-amz-account-id') ?? '' });
}

export async function putAccountPublicAccessBlock(call: Call): Promise<HttpReply> {
  const block = parseBlock(await readRequiredXml(call, { root: ROOT }));
  await storeForAccount(call, block);
  return { status: 200, headers: [], body: new Uint8Array(0) };
}

export async function deleteAccountPublicAccessBlock(call: Call): Promise<HttpReply> {
  await storeForAccount(call, null);
  return { status: 204, headers: [] };
}

function storeForAccount(call: Call, block: string | null): Promise<void> {
  const { account } = call.context.principal;
  return call.door.core.updateAccount(call.context, account, {}, { [PUBLIC_BLOCK]: block });
}

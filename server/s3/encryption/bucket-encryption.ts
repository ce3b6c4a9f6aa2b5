/** GetBucketEncryption, PutBucketEncryption, DeleteBucketEncryption. */
import {
  type ContainerEncryption,
  containerEncryption,
  encryptionSetting,
} from '../../core/encryption/wish.ts';
import type { HttpReply } from '../../http/exchange.ts';
import { type Call, bucketOf } from '../call.ts';
import { notImplemented, s3Error } from '../codes.ts';
import { readRequiredXml } from '../payload/document.ts';
import { type XmlNode, leafText, malformedXml, onlyChildren, required } from '../xml/reader.ts';
import { xmlReply } from '../xml/reply.ts';
import { element, leaf, xmlDocument } from '../xml/writer.ts';

type Usual = ContainerEncryption['usual'];

const ROOT = 'ServerSideEncryptionConfiguration';

export async function getBucketEncryption(call: Call): Promise<HttpReply> {
  const { core } = call.door;
  const { row } = await core.headContainer(call.context, bucketOf(call));
  const configured = containerEncryption(row);
  const usual = configured?.usual ?? (core.encryptsAll ? { by: 'key-ring' as const } : null);
  const blocks = configured?.refusesCustomerKeys === true;
  if (usual === null && !blocks) {
    throw s3Error('ServerSideEncryptionConfigurationNotFoundError', undefined, {
      BucketName: call.bucket,
    });
  }
  const markup = usualMarkup(usual) + (blocks ? blockedMarkup : '');
  return xmlReply(xmlDocument(ROOT, element('Rule', markup)));
}

const blockedMarkup = element('BlockedEncryptionTypes', leaf('EncryptionType', 'SSE-C'));

function usualMarkup(usual: Usual): string {
  if (usual === null) return '';
  const isService = usual.by === 'key-service';
  const method = leaf('SSEAlgorithm', isService ? 'aws:kms' : 'AES256');
  const key = isService ? leaf('KMSMasterKeyID', usual.key) : '';
  const bucketKey = leaf('BucketKeyEnabled', isService && usual.bucketKey === true);
  return element('ApplyServerSideEncryptionByDefault', method + key) + bucketKey;
}

export async function putBucketEncryption(call: Call): Promise<HttpReply> {
  const root = await readRequiredXml(call, { root: ROOT });
  const [rule] = onlyChildren(root, ['Rule']);
  await store(call, JSON.stringify(parseRule(required(rule))));
  return { status: 200, headers: [], body: new Uint8Array(0) };
}

/** Back to what the store does for every bucket. */
export async function deleteBucketEncryption(call: Call): Promise<HttpReply> {
  await store(call, null);
  return { status: 204, headers: [] };
}

async function store(call: Call, value: string | null): Promise<void> {
  await call.door.core.updateContainer(call.context, bucketOf(call), {
    settings: { [encryptionSetting]: value },
  });
}

function parseRule(node: XmlNode): ContainerEncryption {
  const [byDefault, bucketKey, blocked] = onlyChildren(node, [
    'ApplyServerSideEncryptionByDefault',
    'BucketKeyEnabled',
    'BlockedEncryptionTypes',
  ]);
  const usesBucketKey = bucketKey === undefined ? undefined : parseBoolean(bucketKey);
  return {
    usual: byDefault === undefined ? null : parseUsual(byDefault, usesBucketKey),
    ...(blocked !== undefined && parseBlocked(blocked) ? { refusesCustomerKeys: true } : {}),
  };
}

function parseUsual(node: XmlNode, bucketKey: boolean | undefined): Usual {
  const [method, key] = onlyChildren(node, ['SSEAlgorithm', 'KMSMasterKeyID']);
  const keyId = key === undefined ? undefined : leafText(key).trim();
  switch (leafText(required(method)).trim()) {
    case 'AES256':
      if (keyId === undefined) return { by: 'key-ring' };
      throw s3Error(
        'InvalidArgument',
        'a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse',
      );
    case 'aws:kms':
      if (keyId === '') throw malformedXml();
      return { by: 'key-service', key: keyId, bucketKey };
    case 'aws:kms:dsse':
      throw notImplemented('SSEAlgorithm', 'Encryption in two layers is not implemented.');
    default:
      throw malformedXml();
  }
}

/** Whether SSE-C is among them; `NONE` unblocks. */
function parseBlocked(node: XmlNode): boolean {
  if (node.children.some(({ name }) => name !== 'EncryptionType')) throw malformedXml();
  const types = node.children.map((child) => leafText(child).trim());
  if (types.some((type) => type !== 'SSE-C' && type !== 'NONE')) throw malformedXml();
  if (types.length === 0 || new Set(types).size > 1) throw malformedXml();
  return types.includes('SSE-C');
}

export function parseBoolean(node: XmlNode): boolean {
  const text = leafText(node).trim().toLowerCase();
  if (text === 'true' || text === 'false') return text === 'true';
  throw malformedXml();
}

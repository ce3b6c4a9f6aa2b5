/** GetBucketCors, PutBucketCors, DeleteBucketCors. */
import type { HttpReply } from '../../http/exchange.ts';
import { type Call, bucketOf } from '../call.ts';
import { s3Error } from '../codes.ts';
import { readRequiredXml } from '../payload/document.ts';
import { type XmlNode, leafText, malformedXml } from '../xml/reader.ts';
import { xmlReply } from '../xml/reply.ts';
import { element, leaf, xmlDocument } from '../xml/writer.ts';
import { CORS, type CorsRule, corsMethods, readStoredRules } from './rules.ts';

/** "Elements of a CORS configuration": at most a hundred rules, in 64 KB. */
const MAX_RULES = 100;
const MAX_BYTES = 64 * 1024;
const MAX_ID = 255;

export async function getBucketCors(call: Call): Promise<HttpReply> {
  const { row } = await call.door.core.headContainer(call.context, bucketOf(call));
  const rules = readStoredRules(row.settings[CORS]);
  if (rules.length === 0) {
    throw s3Error('NoSuchCORSConfiguration', undefined, { BucketName: call.bucket });
  }
  return xmlReply(xmlDocument('CORSConfiguration', rules.map(ruleMarkup).join('')));
}

function ruleMarkup(rule: CorsRule): string {
  const leaves = (name: string, texts: readonly string[]): string =>
    texts.map((text) => leaf(name, text)).join('');
  return element(
    'CORSRule',
    leaf('ID', rule.id) +
      leaves('AllowedMethod', rule.allowedMethods) +
      leaves('AllowedOrigin', rule.allowedOrigins) +
      leaves('AllowedHeader', rule.allowedHeaders) +
      leaves('ExposeHeader', rule.exposeHeaders) +
      leaf('MaxAgeSeconds', rule.maxAgeSeconds),
  );
}

export async function putBucketCors(call: Call): Promise<HttpReply> {
  const options = { root: 'CORSConfiguration', maxBytes: MAX_BYTES };
  const root = await readRequiredXml(call, options);
  const { children, text } = root;
  if (text.trim() !== '' || children.length === 0 || children.length > MAX_RULES) {
    throw malformedXml();
  }
  await store(call, JSON.stringify(children.map(parseRule)));
  return { status: 200, headers: [], body: new Uint8Array(0) };
}

export async function deleteBucketCors(call: Call): Promise<HttpReply> {
  await store(call, null);
  return { status: 204, headers: [] };
}

function store(call: Call, rules: string | null): Promise<void> {
  return call.door.core.updateContainer(call.context, bucketOf(call), {
    settings: { [CORS]: rules },
  });
}

const elements: ReadonlySet<string> = new Set([
  'ID',
  'AllowedHeader',
  'AllowedMethod',
  'AllowedOrigin',
  'ExposeHeader',
  'MaxAgeSeconds',
]);

function parseRule(node: XmlNode): CorsRule {
  if (node.name !== 'CORSRule' || node.text.trim() !== '') throw malformedXml();
  if (node.children.some(({ name }) => !elements.has(name))) throw malformedXml();
  const texts = (name: string): readonly string[] =>
    node.children.filter((child) => child.name === name).map((child) => leafText(child).trim());
  const [id, ...moreIds] = texts('ID');
  const [age, ...moreAges] = texts('MaxAgeSeconds');
  if (moreIds.length > 0 || moreAges.length > 0) throw malformedXml();
  const rule = {
    id,
    allowedHeaders: texts('AllowedHeader'),
    allowedMethods: texts('AllowedMethod'),
    allowedOrigins: texts('AllowedOrigin'),
    exposeHeaders: texts('ExposeHeader'),
    maxAgeSeconds: age === undefined ? undefined : parseAge(age),
  };
  checkRule(rule);
  return rule;
}

function parseAge(text: string): number {
  // Amazon takes negative ones too; browsers read them as "not at all".
  if (/^-?\d{1,9}$/.test(text)) return Number(text);
  throw malformedXml();
}

/** With the star of patterns. */
const headerName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

function checkRule(rule: CorsRule): void {
  const { allowedMethods, allowedOrigins, allowedHeaders, exposeHeaders } = rule;
  if (allowedMethods.length === 0 || allowedOrigins.length === 0) throw malformedXml();
  if ((rule.id?.length ?? 0) > MAX_ID) throw s3Error('InvalidRequest', 'The ID is too long.');
  const strange = allowedMethods.find((method) => !corsMethods.has(method));
  if (strange !== undefined) {
    throw s3Error(
      'InvalidRequest',
      `Found unsupported HTTP method in CORS config. Unsupported method is ${strange}`,
    );
  }
  refuseStars('AllowedOrigin', allowedOrigins);
  refuseStars('AllowedHeader', allowedHeaders);
  const open = exposeHeaders.find((header) => header.includes('*'));
  if (open !== undefined) {
    throw s3Error(
      'InvalidRequest',
      `ExposeHeader "${open}" contains wildcard. We currently do not support wildcard for ExposeHeader.`,
    );
  }
  // They become a header of replies, or are compared with what is to become one.
  const odd = [...allowedHeaders, ...exposeHeaders].find((header) => !headerName.test(header));
  if (odd !== undefined) {
    throw s3Error('InvalidRequest', `AllowedHeader "${odd}" contains invalid character.`);
  }
}

function refuseStars(name: string, patterns: readonly string[]): void {
  const wild = patterns.find((pattern) => pattern.split('*').length > 2);
  if (wild === undefined) return;
  throw s3Error('InvalidRequest', `${name} "${wild}" can not have more than one wildcard.`);
}

/** PostObject: an upload by an HTML form, whose fields are what headers are to PutObject. */
import type { Facts } from '../../core/access/facts.ts';
import type { IncomingBody, Principal } from '../../core/api.ts';
import type { PutOutcome } from '../../core/commands.ts';
import type { HeaderPairs, HttpReply } from '../../http/exchange.ts';
import { headerBytes } from '../../http/exchange.ts';
import { actionsOf, askLater } from '../access/admit.ts';
import { factsOf } from '../access/facts.ts';
import { checkKeyLength } from '../address.ts';
import { encodeStrictly } from '../auth/canonical.ts';
import type { Call } from '../call.ts';
import { s3Error } from '../codes.ts';
import { pushNewEncryption } from '../encryption/headers.ts';
import { pushChecksums, pushNewVersion } from '../object-headers.ts';
import { storeObject } from '../object/put.ts';
import { parseStatedChecksum } from '../payload/checksum-headers.ts';
import { parseContentMd5 } from '../payload/payload.ts';
import { refuseUnbuiltHeaders } from '../refused.ts';
import { RequestHeaders } from '../request-headers.ts';
import { MAX_OBJECT_TAGS, TAGGING_HEADER, parseTagging, storedTags } from '../tagging/tags.ts';
import { parseXml } from '../xml/reader.ts';
import { XML_PROLOG, element, leaf } from '../xml/writer.ts';
import { identifyForm, requiredField } from './form-identity.ts';
import { type Form, openForm, parseBoundary } from './multipart-form.ts';
import { type SizeRange, checkPolicy, parsePolicy } from './policy.ts';

export async function postObject(call: Call): Promise<HttpReply> {
  if (call.identity.principal.type !== 'anonymous') {
    throw s3Error('InvalidRequest', 'A form carries its signature in its fields.');
  }
  const boundary = parseBoundary(call.headers.get('content-type'));
  const form = await openForm(call.request.body(), boundary);
  const key = requiredField(form.fields, 'key').replaceAll('${filename}', form.filename);
  const { principal, policy } = identifyForm(form.fields, call.door);
  // The bucket that counts is that of the URL, and the key the one that will be written.
  const fields = new Map([...form.fields, ['bucket', call.bucket], ['key', key]]);
  const sizes =
    policy === undefined
      ? undefined
      : checkPolicy(parsePolicy(policy), fields, call.door.clock.now());
  if (key === '') throw s3Error('InvalidArgument', 'User key must have a length greater than 0.');
  checkKeyLength(key);
  const headers = headersOf(form);
  refuseUnbuiltHeaders(headers, 'PostObject');
  // The bucket was found for nobody; its name may mean another one to who signed.
  const { permit: _forNobody, ...unsigned } = call.context;
  const inner: Call = {
    ...call,
    headers,
    key,
    identity: { principal, payloadHash: undefined, seed: undefined },
    context: { ...unsigned, principal, facts: formFacts(call, headers, principal) },
  };
  const actions = actionsOf(inner, 's3:PutObject', 'PostObject');
  const context = await askLater(inner, actions);
  const outcome = await storeObject(
    { ...inner, context },
    bodyOf(form, headers, sizes),
    'created:post',
  );
  return successReply(inner, form, outcome);
}

function formFacts(call: Call, headers: RequestHeaders, principal: Principal): Facts {
  const { request, query, door } = call;
  return factsOf({ door, request, query, headers, principal, isForm: true });
}

/** Fields that become headers of the same name; and two that have names of their own. */
const plainFields: ReadonlySet<string> = new Set([
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-md5',
  'content-type',
  'expires',
  'if-none-match',
]);
/** They belong to the signature, which is checked by now. */
const signatureFields: ReadonlySet<string> = new Set([
  'x-amz-algorithm',
  'x-amz-credential',
  'x-amz-date',
  'x-amz-signature',
]);

function headersOf(form: Form): RequestHeaders {
  const raw: string[] = [];
  for (const [name, value] of form.fields) {
    const isHeader = name.startsWith('x-amz-') && !signatureFields.has(name);
    if (isHeader || plainFields.has(name)) raw.push(headerBytes(name), headerBytes(value));
    else if (name === 'acl') raw.push('x-amz-acl', headerBytes(value));
    else if (name === 'tagging') raw.push(TAGGING_HEADER, taggingOf(value));
  }
  return new RequestHeaders(raw);
}

/** The field holds a document where the header holds a query. */
function taggingOf(document: string): string {
  const root = parseXml(Buffer.from(document, 'utf8'), 'Tagging');
  return storedTags(parseTagging(root, MAX_OBJECT_TAGS)) ?? '';
}

function bodyOf(form: Form, headers: RequestHeaders, sizes: SizeRange | undefined): IncomingBody {
  const stated = parseStatedChecksum(headers, []);
  const { algorithm, value } = stated ?? {};
  const isStated = algorithm !== undefined && value !== undefined;
  return {
    chunks: sizes === undefined ? form.file : holdToSize(form.file, sizes),
    size: undefined,
    md5: parseContentMd5(headers.get('content-md5')),
    checksums: isStated ? [algorithm] : undefined,
    expected: isStated ? () => [{ algorithm, value }] : undefined,
  };
}

async function* holdToSize(
  chunks: AsyncIterable<Uint8Array>,
  range: SizeRange,
): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    if (size > range.max) {
      throw s3Error('EntityTooLarge', undefined, {
        ProposedSize: size,
        MaxSizeAllowed: range.max,
      });
    }
    yield chunk;
  }
  if (size < range.min) {
    throw s3Error('EntityTooSmall', undefined, {
      ProposedSize: size,
      MinSizeAllowed: range.min,
    });
  }
}

/** `success_action_redirect`, else `success_action_status`, else 204. */
function successReply(call: Call, form: Form, { row }: PutOutcome): HttpReply {
  const location = locationOf(call);
  const headers: HeaderPairs = [['ETag', `"${row.etag}"`]];
  pushChecksums(headers, row);
  pushNewEncryption(headers, row.encryption, call);
  pushNewVersion(headers, row);
  const target = form.fields.get('success_action_redirect') ?? form.fields.get('redirect');
  const redirect = target === undefined ? undefined : redirectTo(target, call, row.etag);
  if (redirect !== undefined) {
    return { status: 303, headers: [...headers, ['Location', redirect]], body: new Uint8Array(0) };
  }
  headers.push(['Location', location]);
  const status = form.fields.get('success_action_status');
  if (status === '200') return { status: 200, headers, body: new Uint8Array(0) };
  if (status !== '201') return { status: 204, headers };
  const markup =
    leaf('Location', location) +
    leaf('Bucket', call.bucket) +
    leaf('Key', call.key) +
    leaf('ETag', `"${row.etag}"`);
  headers.push(['Content-Type', 'application/xml']);
  const body = Buffer.from(XML_PROLOG + element('PostResponse', markup), 'utf8');
  return { status: 201, headers, body };
}

function locationOf(call: Call): string {
  const scheme = call.request.secure ? 'https' : 'http';
  const host = call.request.header('host') ?? '';
  const { path } = call.request;
  const slash = path.endsWith('/') ? '' : '/';
  const key = encodeStrictly(call.key).replaceAll('%2F', '/');
  return `${scheme}://${host}${path}${slash}${key}`;
}

/** undefined for what is no URL: Amazon then answers as if it were not there. */
function redirectTo(target: string, call: Call, etag: string): string | undefined {
  if (!/^https?:\/\/[!-~]+$/.test(target) || !URL.canParse(target)) return undefined;
  const query =
    `bucket=${encodeStrictly(call.bucket)}&key=${encodeStrictly(call.key)}` +
    `&etag=${encodeStrictly(`"${etag}"`)}`;
  return `${target}${target.includes('?') ? '&' : '?'}${query}`;
}

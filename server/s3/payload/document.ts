/** Bodies that are documents: read whole under a limit, their digests checked here. */
import { concatBytes } from '../../../base/bytes.ts';
import type { Call } from '../call.ts';
import { type S3Code, s3Error } from '../codes.ts';
import { type XmlNode, malformedXml, parseXml } from '../xml/reader.ts';
import { checkDigests } from './digests.ts';
import { type ChecksumSubject, type Payload, openPayload } from './payload.ts';

const DEFAULT_LIMIT_BYTES = 1024 * 1024;

export interface DocumentOptions extends BodyOptions {
  readonly root: string;
}

export interface BodyOptions {
  /** An empty body is no document, rather than an error. */
  readonly isOptional?: boolean;
  readonly maxBytes?: number;
  /** DeleteObjects and others: without a digest of the body, 400. */
  readonly needsDigest?: boolean;
  readonly checksumsOf?: ChecksumSubject;
  /** What an empty body is told; by default MissingRequestBodyError. */
  readonly emptyCode?: S3Code;
}

/** undefined only for an optional document that was not sent. */
export async function readXml(call: Call, options: DocumentOptions): Promise<XmlNode | undefined> {
  const bytes = await readDocument(call, options);
  return bytes === undefined ? undefined : parseXml(bytes, options.root);
}

/** The bytes of a document of whatever language. undefined only for an optional one that was not sent. */
export async function readDocument(
  call: Call,
  options: BodyOptions,
): Promise<Uint8Array | undefined> {
  const { request } = call;
  const isBodiless = request.contentLength === undefined && !request.isChunked;
  if (options.isOptional === true && (isBodiless || request.contentLength === 0)) return undefined;
  const maxBytes = options.maxBytes ?? DEFAULT_LIMIT_BYTES;
  // The framing of a body takes room too; the payload itself is counted again below.
  const declared = request.contentLength ?? 0;
  if (declared > maxBytes * 2) throw tooLong(maxBytes);
  const payload = openPayload(call, Number.MAX_SAFE_INTEGER, options.checksumsOf);
  if (options.needsDigest === true && payload.md5 === undefined && payload.stated === undefined) {
    throw s3Error(
      'InvalidRequest',
      'Missing required header for this request: Content-MD5 OR x-amz-checksum-*',
    );
  }
  const bytes = await readWhole(payload, maxBytes);
  checkDigests(bytes, payload);
  if (bytes.length === 0) {
    if (options.isOptional === true) return undefined;
    throw s3Error(options.emptyCode ?? 'MissingRequestBodyError');
  }
  return bytes;
}

/** A document that must be there. */
export async function readRequiredXml(call: Call, options: DocumentOptions): Promise<XmlNode> {
  const root = await readXml(call, options);
  if (root === undefined) throw malformedXml();
  return root;
}

async function readWhole(payload: Payload, maxBytes: number): Promise<Uint8Array> {
  if (payload.size !== undefined && payload.size > maxBytes) throw tooLong(maxBytes);
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of payload.chunks) {
    size += piece.length;
    if (size > maxBytes) throw tooLong(maxBytes);
    pieces.push(piece);
  }
  if (payload.size !== undefined && size !== payload.size) throw s3Error('IncompleteBody');
  return concatBytes(pieces);
}

function tooLong(maxBytes: number): Error {
  return s3Error('MaxMessageLengthExceeded', undefined, { MaxMessageLengthBytes: maxBytes });
}

/** The body of a request as core takes it: framing stripped, the signatures of its chunks checked as they pass, its digests named for whoever reads it. */
import type { ChecksumAlgorithm } from '../../core/model.ts';
import type { IncomingBody } from '../../core/api.ts';
import { isDigest, refusePayloadWord } from '../auth/authenticate.ts';
import type { Identity } from '../auth/identity.ts';
import type { Hasher } from '../../core/digest/hasher.ts';
import type { HttpRequest } from '../../http/exchange.ts';
import { s3Error } from '../codes.ts';
import type { RequestHeaders } from '../request-headers.ts';
import { AwsChunkedDecoder, decodeAwsChunked } from './aws-chunked.ts';
import {
  checksumHeader,
  isChecksumValue,
  parseStatedChecksum,
  parseTrailerNames,
} from './checksum-headers.ts';

export interface PayloadSource {
  readonly request: HttpRequest;
  readonly headers: RequestHeaders;
  readonly identity: Identity;
  readonly door: { readonly core: { readonly hasher: Hasher } };
}

/** What `x-amz-checksum-*` headers speak of: the body, or (CompleteMultipartUpload) the object that will be. */
export type ChecksumSubject = 'body' | 'object';

export interface Payload extends IncomingBody {
  /** The algorithm that the client named, in whatever way. */
  readonly stated: ChecksumAlgorithm | undefined;
}

/** What Amazon computes when a client names nothing (decision 0015). */
export const usualChecksums: readonly ChecksumAlgorithm[] = ['crc64nvme'];

interface Unframed {
  readonly chunks: AsyncIterable<Uint8Array>;
  readonly size: number | undefined;
  readonly trailers: ReadonlyMap<string, string> | undefined;
  readonly trailerNames: readonly string[];
  /** What the whole payload must have as SHA-256, in hex. */
  readonly sha256?: string;
}

/** Checks everything that can be known before the first byte; nothing is read yet. `maxBytes`: `EntityTooLarge` beyond. */
export function openPayload(
  source: PayloadSource,
  maxBytes: number,
  subject: ChecksumSubject = 'body',
): Payload {
  const { headers } = source;
  const body = unframe(source);
  if (body.size !== undefined && body.size > maxBytes) {
    throw s3Error('EntityTooLarge', undefined, {
      ProposedSize: body.size,
      MaxSizeAllowed: maxBytes,
    });
  }
  const stated = subject === 'body' ? parseStatedChecksum(headers, body.trailerNames) : undefined;
  // Announced for a body that has no place for them.
  if (body.trailers === undefined && body.trailerNames.length > 0) {
    throw s3Error('MalformedTrailerError');
  }
  return {
    chunks: body.chunks,
    size: body.size,
    md5: parseContentMd5(headers.get('content-md5')),
    sha256: body.sha256,
    stated: stated?.algorithm,
    checksums: stated === undefined ? usualChecksums : [stated.algorithm],
    expected: () => {
      if (stated === undefined) return [];
      const { algorithm } = stated;
      return [{ algorithm, value: stated.value ?? trailerValue(body.trailers, algorithm) }];
    },
  };
}

function trailerValue(
  trailers: ReadonlyMap<string, string> | undefined,
  algorithm: ChecksumAlgorithm,
): string {
  const name = checksumHeader(algorithm);
  const value = trailers?.get(name) ?? '';
  if (!isChecksumValue(algorithm, value)) {
    throw s3Error('InvalidRequest', `Value for ${name} trailing header is invalid.`);
  }
  return value;
}

/** Hex of a Content-MD5; throws `InvalidDigest`. */
export function parseContentMd5(value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  const bytes = Buffer.from(value, 'base64');
  if (bytes.length !== 16 || bytes.toString('base64') !== value) {
    throw s3Error('InvalidDigest', undefined, { 'Content-MD5': value });
  }
  return bytes.toString('hex');
}

function unframe(source: PayloadSource): Unframed {
  const { request, headers, identity } = source;
  const word = identity.payloadHash;
  switch (word) {
    case undefined:
    case 'UNSIGNED-PAYLOAD':
      return raw(request, headers, request.body());
    case 'STREAMING-UNSIGNED-PAYLOAD-TRAILER':
      return framed(source, { isSigned: false, hasTrailers: true });
    case 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD':
      return framed(source, { isSigned: true, hasTrailers: false });
    case 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER':
      return framed(source, { isSigned: true, hasTrailers: true });
    default:
      if (isDigest(word)) {
        return { ...raw(request, headers, request.body()), sha256: word.toLowerCase() };
      }
      // An Authorization header with such a word was refused; elsewhere it is a digest that is wrong.
      if (word.startsWith('STREAMING-')) refusePayloadWord(word);
      return { ...raw(request, headers, request.body()), sha256: word };
  }
}

function raw(
  request: HttpRequest,
  headers: RequestHeaders,
  chunks: AsyncIterable<Uint8Array>,
): Unframed {
  if (request.contentLength === undefined && !request.isChunked) {
    throw s3Error('MissingContentLength');
  }
  const trailerNames = parseTrailerNames(headers.get('x-amz-trailer'));
  return { chunks, size: request.contentLength, trailers: undefined, trailerNames };
}

function framed(
  source: PayloadSource,
  mode: { readonly isSigned: boolean; readonly hasTrailers: boolean },
): Unframed {
  const { request, headers, identity } = source;
  if (mode.isSigned && identity.seed === undefined) {
    throw s3Error(
      'InvalidRequest',
      "Anonymous requests don't support this x-amz-content-sha256 value. Please use UNSIGNED-PAYLOAD or STREAMING-UNSIGNED-PAYLOAD-TRAILER.",
    );
  }
  const length = headers.get('x-amz-decoded-content-length');
  if (length === undefined || !/^\d{1,15}$/.test(length)) throw s3Error('MissingContentLength');
  if (request.contentLength === undefined && !request.isChunked) {
    throw s3Error('MissingContentLength');
  }
  if (!mode.hasTrailers && headers.has('x-amz-trailer')) throw s3Error('MalformedTrailerError');
  const trailerNames = mode.hasTrailers ? parseTrailerNames(headers.get('x-amz-trailer')) : [];
  const decoder = new AwsChunkedDecoder({
    decodedLength: Number(length),
    seed: mode.isSigned ? identity.seed : undefined,
    trailerNames: mode.hasTrailers ? trailerNames : undefined,
    hasher: source.door.core.hasher,
  });
  return {
    chunks: decodeAwsChunked(request.body(), decoder),
    size: Number(length),
    trailers: decoder.trailers,
    trailerNames,
  };
}

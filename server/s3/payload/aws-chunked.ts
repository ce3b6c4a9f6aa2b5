/**
 * Amazon's own framing of request bodies (`Content-Encoding: aws-chunked`; S3 API reference,
 * "Signature calculations for the Authorization header: transferring payload in multiple chunks"):
 *
 *     <hex size>[;chunk-signature=<64 hex>]\r\n <bytes>\r\n …  0[;chunk-signature=…]\r\n
 *     [<trailer name>:<value>\r\n …] [x-amz-trailer-signature:<64 hex>\r\n] \r\n
 *
 * Invariants: nothing of the framing is ever yielded; every limit is checked before anything is
 * buffered; bytes are passed on before their chunk's signature is known, so whoever stores them
 * must not commit before the end.
 */
import { hash } from 'node:crypto';
import { toStoreError } from '../../../base/errors.ts';
import { receivedMemory } from '../../../base/memory/received-memory.ts';
import type { Hasher, PieceDigests } from '../../core/digest/hasher.ts';
import { s3Error } from '../codes.ts';
import type { Seed } from '../auth/identity.ts';
import { mismatchError } from '../auth/mismatch.ts';
import { hmacHex, sameSignature } from '../auth/signing-keys.ts';

export interface ChunkedOptions {
  /** `x-amz-decoded-content-length`. */
  readonly decodedLength: number;
  /** Present when every chunk is signed. */
  readonly seed: Seed | undefined;
  /** Lower-case names that `x-amz-trailer` announced; undefined: a mode without trailers. */
  readonly trailerNames: readonly string[] | undefined;
  /** Of the chunks, where they are signed. */
  readonly hasher: Hasher;
}

const CR = 0x0d;
const LF = 0x0a;
/** Every chunk but the last has at least this. */
const MIN_CHUNK_BYTES = 8192;
/** 16 digits of size and a signature are 97 bytes. */
const MAX_LINE_BYTES = 512;
const MAX_TRAILER_BYTES = 4096;
const EMPTY_SHA256 = hash('sha256', '', 'hex');

/** Blanks may stand around its marks. Whether the signature is one shows when it is compared. */
const sizeLine =
  /^([0-9a-fA-F]{1,12})[ \t]*(?:;[ \t]*chunk-signature[ \t]*=[ \t]*([^\s;=]+)[ \t]*)?$/;

type State = 'size' | 'data' | 'data-end' | 'trailer' | 'end';

export class AwsChunkedDecoder {
  readonly #options: ChunkedOptions;
  readonly #trailers: Map<string, string> = new Map();
  #state: State = 'size';
  /** Bytes of the line so far, as latin1; its end may lie in the next piece. */
  #line = '';
  #left = 0;
  #decoded = 0;
  #chunk = 0;
  #shortChunk: { readonly chunk: number; readonly size: number } | undefined;
  /** From the first chunk that is signed. */
  #digests: PieceDigests | undefined;
  #room: Promise<void> | undefined;
  /** Verifies one chunk after the other: each signature continues from the one before. */
  #verified: Promise<void> = Promise.resolve();
  #failure: Error | undefined;
  #chunkSignature = '';
  #previousSignature: string;
  #trailerSignature: string | undefined;
  #trailerBytes = 0;
  #endsWithBareLine = false;

  constructor(options: ChunkedOptions) {
    this.#options = options;
    this.#previousSignature = options.seed?.signature ?? '';
  }

  /** What must resolve before more is decoded, if anything: the hasher's back-pressure. */
  takeRoom(): Promise<void> | undefined {
    const room = this.#room;
    this.#room = undefined;
    return room;
  }

  /** To be called once in every case. */
  drop(): void {
    this.#digests?.drop();
  }

  /** What the trailers said, by lower-case name; whole only after the end. */
  get trailers(): ReadonlyMap<string, string> {
    return this.#trailers;
  }

  /** The payload in `piece`, as views of it. `takeRoom` is to be asked after each. */
  *decode(piece: Uint8Array): Generator<Uint8Array> {
    if (this.#failure !== undefined) throw this.#failure;
    let at = 0;
    while (at < piece.length) {
      switch (this.#state) {
        case 'data': {
          const end = Math.min(piece.length, at + this.#left);
          const view = piece.subarray(at, end);
          this.#left -= view.length;
          this.#decoded += view.length;
          this.#room = this.#digests?.update(view);
          at = end;
          if (this.#left === 0) this.#state = 'data-end';
          yield view;
          break;
        }
        case 'size':
        case 'data-end':
        case 'trailer':
          at = this.#readLine(piece, at);
          break;
        case 'end':
          at = this.#passOver(piece, at);
          break;
      }
    }
  }

  /** Amazon reads no further than the empty line; a client that sends more has said all that counts. */
  #passOver(piece: Uint8Array, start: number): number {
    this.#trailerBytes += piece.length - start;
    if (this.#trailerBytes > MAX_TRAILER_BYTES) throw incomplete();
    receivedMemory.giveUp(piece.subarray(start));
    return piece.length;
  }

  /** The body has ended: throws unless it was whole, and every signature right. */
  async finish(): Promise<void> {
    const { trailerNames } = this.#options;
    this.#digests?.flush();
    await this.#verified;
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#state === 'trailer' && this.#line === '' && this.#hasAllTrailers()) {
      // Amazon does without the empty line, and its own documented example has none.
      this.#state = 'end';
    }
    if (this.#state !== 'end') throw incomplete();
    const { decodedLength } = this.#options;
    if (this.#decoded !== decodedLength) throw this.#otherLength(this.#decoded);
    for (const name of trailerNames ?? []) {
      if (!this.#trailers.has(name)) throw s3Error('MalformedTrailerError');
    }
    if (this.#options.seed !== undefined && trailerNames !== undefined) {
      this.#verifyTrailer(this.#options.seed);
    }
  }

  #otherLength(provided: number): Error {
    return s3Error(
      'IncompleteBody',
      'You did not provide the number of bytes specified by the Content-Length HTTP header',
      { NumberBytesExpected: this.#options.decodedLength, NumberBytesProvided: provided },
    );
  }

  #hasAllTrailers(): boolean {
    const { seed, trailerNames } = this.#options;
    if (trailerNames === undefined) return true;
    if (seed !== undefined && this.#trailerSignature === undefined) return false;
    return trailerNames.every((name) => this.#trailers.has(name));
  }

  /** Takes bytes up to the end of the line, or of the piece; returns where it stopped. */
  #readLine(piece: Uint8Array, start: number): number {
    const lineFeed = findLineEnd(piece, start, this.#line.endsWith('\r'));
    const end = lineFeed < 0 ? piece.length : lineFeed + 1;
    const limit = this.#state === 'trailer' ? MAX_TRAILER_BYTES : MAX_LINE_BYTES;
    if (this.#line.length + (end - start) > limit) throw incomplete();
    this.#line += Buffer.from(piece.buffer, piece.byteOffset + start, end - start).toString(
      'latin1',
    );
    receivedMemory.giveUp(piece.subarray(start, end));
    if (lineFeed >= 0) {
      const line = this.#line.slice(0, -2);
      this.#line = '';
      this.#takeLine(line);
    }
    return end;
  }

  #takeLine(line: string): void {
    if (this.#state === 'size') this.#takeSize(line);
    else if (this.#state === 'data-end') this.#takeDataEnd(line);
    else this.#takeTrailer(line);
  }

  #takeSize(line: string): void {
    const { seed, decodedLength } = this.#options;
    const match = sizeLine.exec(line);
    if (match === null || (match[2] === undefined) !== (seed === undefined)) throw incomplete();
    const size = Number.parseInt(match[1] ?? '', 16);
    this.#chunk += 1;
    this.#chunkSignature = match[2] ?? '';
    if (size === 0) {
      if (seed !== undefined) this.#verifyInTurn(seed, Promise.resolve(EMPTY_SHA256));
      this.#state = 'trailer';
      return;
    }
    if (this.#shortChunk !== undefined) {
      throw s3Error('InvalidChunkSizeError', undefined, {
        Chunk: this.#shortChunk.chunk,
        BadChunkSize: this.#shortChunk.size,
      });
    }
    if (size < MIN_CHUNK_BYTES) this.#shortChunk = { chunk: this.#chunk, size };
    if (this.#decoded + size > decodedLength) throw this.#otherLength(this.#decoded + size);
    this.#left = size;
    if (seed !== undefined) this.#digests ??= this.#options.hasher.startPieces(decodedLength);
    this.#state = 'data';
  }

  #takeDataEnd(line: string): void {
    if (line !== '') throw incomplete();
    const { seed } = this.#options;
    if (seed !== undefined && this.#digests !== undefined) {
      this.#verifyInTurn(seed, this.#digests.cut().then(hexOf));
    }
    this.#state = 'size';
  }

  /** Bytes were passed on already: what is wrong with them shows at the next piece, or at the end. */
  #verifyInTurn(seed: Seed, dataHash: Promise<string>): void {
    const signature = this.#chunkSignature;
    this.#verified = this.#verified.then(async () => {
      const hashed = await dataHash;
      if (this.#failure !== undefined) return;
      try {
        this.#verifyChunk(seed, hashed, signature);
      } catch (error) {
        this.#failure = toStoreError(error, 's3.chunk');
      }
    });
  }

  #verifyChunk(seed: Seed, dataHash: string, signature: string): void {
    const toSign = `AWS4-HMAC-SHA256-PAYLOAD\n${seed.stamp}\n${seed.scope}\n${this.#previousSignature}\n${EMPTY_SHA256}\n${dataHash}`;
    const computed = hmacHex(seed.signingKey, toSign);
    if (!sameSignature(computed, signature)) {
      throw mismatchError({ ...seed, stringToSign: toSign, signature });
    }
    this.#previousSignature = computed;
  }

  #takeTrailer(line: string): void {
    if (line === '') {
      this.#state = 'end';
      return;
    }
    this.#endsWithBareLine = line.endsWith('\n');
    this.#trailerBytes += line.length;
    if (this.#trailerBytes > MAX_TRAILER_BYTES) throw s3Error('MalformedTrailerError');
    const text = this.#endsWithBareLine ? line.slice(0, -1) : line;
    const colon = text.indexOf(':');
    if (colon <= 0 || text.includes('\n')) throw s3Error('MalformedTrailerError');
    const name = text.slice(0, colon).toLowerCase();
    const value = text.slice(colon + 1).trim();
    const { trailerNames, seed } = this.#options;
    if (name === 'x-amz-trailer-signature' && seed !== undefined && trailerNames !== undefined) {
      if (this.#trailerSignature !== undefined) throw s3Error('MalformedTrailerError');
      this.#trailerSignature = value;
      return;
    }
    // Nothing may follow the signature, and nothing comes that was not announced. Of two values the last one
    // counts, as at Amazon, but not where a signature covers them.
    const isFirst = seed === undefined || !this.#trailers.has(name);
    const isWelcome = trailerNames?.includes(name) === true && isFirst;
    if (!isWelcome || this.#trailerSignature !== undefined) {
      throw s3Error('MalformedTrailerError');
    }
    this.#trailers.set(name, value);
  }

  #verifyTrailer(seed: Seed): void {
    if (this.#trailerSignature === undefined) throw s3Error('MalformedTrailerError');
    const lines = [...this.#trailers.keys()]
      .toSorted()
      .map((name) => `${name}:${this.#trailers.get(name) ?? ''}\n`)
      .join('');
    const digest = hash('sha256', Buffer.from(lines, 'latin1'), 'hex');
    const toSign = `AWS4-HMAC-SHA256-TRAILER\n${seed.stamp}\n${seed.scope}\n${this.#previousSignature}\n${digest}`;
    const signature = this.#trailerSignature;
    if (!sameSignature(hmacHex(seed.signingKey, toSign), signature)) {
      throw mismatchError({ ...seed, stringToSign: toSign, signature });
    }
  }
}

/** The place of the LF of the next CR LF; -1 when the piece holds none. */
function findLineEnd(piece: Uint8Array, start: number, afterCarriageReturn: boolean): number {
  if (afterCarriageReturn && piece[start] === LF) return start;
  let from = start;
  for (;;) {
    const at = piece.indexOf(LF, from);
    if (at < 0) return -1;
    if (at > start && piece[at - 1] === CR) return at;
    from = at + 1;
  }
}

function incomplete(): Error {
  return s3Error('IncompleteBody');
}

/** The payload of a framed body; throws StoreError when the framing, a signature or a length is wrong. */
export async function* decodeAwsChunked(
  source: AsyncIterable<Uint8Array>,
  decoder: AwsChunkedDecoder,
): AsyncGenerator<Uint8Array> {
  try {
    for await (const piece of source) {
      for (const view of decoder.decode(piece)) {
        const room = decoder.takeRoom();
        if (room !== undefined) await room;
        yield view;
      }
    }
    await decoder.finish();
  } finally {
    decoder.drop();
  }
}

function hexOf(digest: Uint8Array): string {
  return Buffer.from(digest).toString('hex');
}

/** Files of a tar archive, one after the other, from a stream that may be compressed. */
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { createTarDecoder, type ParsedTarEntry } from 'modern-tar';
import type { Clock } from '../../../base/clock.ts';
import { isStoreError } from '../../../base/errors.ts';
import { brokenArchive } from './bit-reader.ts';
import { bunzip2 } from './bunzip2.ts';

export type Compression = 'none' | 'gz' | 'bz2';

export interface TarFile {
  readonly name: string;
  readonly size: number;
  /** Extended attributes and other records of the archive. */
  readonly records: Readonly<Record<string, string>>;
  /** To be read to its end, or left alone. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** What expands to more than so many times its size is no archive but a bomb: a file system full of zeros is smaller than that. */
const MAX_RATIO = 200;
/** Below it nobody is harmed. */
const FREE_BYTES = 64 * 1024 * 1024;

/** Throws StoreError `invalid-argument` with detail `archive` for what cannot be read; what reading `body` throws passes. */
export async function* readTar(
  body: AsyncIterable<Uint8Array>,
  compression: Compression,
  clock: Clock,
): AsyncGenerator<TarFile> {
  const source = new Counted(body);
  const plain = bounded(expanded(source, compression, clock), source);
  const entries = ReadableStream.from(plain).pipeThrough(createTarDecoder({ strict: true }));
  try {
    for await (const entry of entries) {
      const used = { isTouched: false };
      if (entry.header.type === 'file') yield fileOf(entry, used);
      if (!used.isTouched) await entry.body.cancel();
    }
  } catch (error) {
    throw source.failure ?? archiveError(error);
  }
}

function fileOf({ header, body }: ParsedTarEntry, used: { isTouched: boolean }): TarFile {
  const { name, size } = header;
  async function* chunks(): AsyncGenerator<Uint8Array> {
    used.isTouched = true;
    // Breaking off cancels the stream, so that the next entry is reached.
    for await (const chunk of body) yield chunk;
  }
  return { name, size, records: header.pax ?? {}, body: chunks() };
}

function archiveError(error: unknown): unknown {
  if (isStoreError(error)) return error;
  const why = error instanceof Error ? error.message : 'it cannot be read';
  return brokenArchive(why, error);
}

/** The request's bytes: how many came, and what ended them. */
class Counted implements AsyncIterable<Uint8Array> {
  readonly #body: AsyncIterable<Uint8Array>;
  bytes = 0;
  failure: unknown;

  constructor(body: AsyncIterable<Uint8Array>) {
    this.#body = body;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of this.#body) {
        this.bytes += chunk.length;
        yield chunk;
      }
    } catch (error) {
      this.failure = error;
      throw error;
    }
  }
}

function expanded(
  source: AsyncIterable<Uint8Array>,
  compression: Compression,
  clock: Clock,
): AsyncIterable<Uint8Array> {
  if (compression === 'none') return source;
  return compression === 'bz2' ? bunzip2(source, clock) : gunzip(source);
}

async function* gunzip(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const input = Readable.from(source);
  const gunzipped = input.pipe(createGunzip());
  input.on('error', (error) => gunzipped.destroy(error));
  try {
    for await (const chunk of gunzipped) if (chunk instanceof Uint8Array) yield chunk;
  } finally {
    input.destroy();
  }
}

async function* bounded(
  chunks: AsyncIterable<Uint8Array>,
  source: Counted,
): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > FREE_BYTES && bytes > source.bytes * MAX_RATIO) {
      throw brokenArchive('the archive expands to more than any archive should');
    }
    yield chunk;
  }
}

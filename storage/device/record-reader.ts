/** Reads one record, or a range of its unit, with as few and as small reads as verification allows. */
import type { Clock } from '../../base/clock.ts';
import type { DiskFile } from '../../base/disk.ts';
import { StoreError } from '../../base/errors.ts';
import { reusedMemory } from '../../base/memory/reused-memory.ts';
import { KiB } from '../../base/units.ts';
import { subBlockBytes } from '../fragment/digest.ts';
import type { FragmentId, FragmentRead } from '../fragment/fragment.ts';
import {
  type DecodedHeader,
  decodeHeader,
  pageBytes,
  verifySubBlocks,
} from '../fragment/record.ts';
import type { FragmentPlace } from './fragment-index.ts';

export interface RecordReaderOptions {
  readonly clock: Clock;
  /** 32 hex digits. */
  readonly deviceUuid: string;
  /** Reads up to this many bytes block: from cache they cost 4 µs instead of 30. 0: never. */
  readonly syncReadBytes: number;
}

export const defaultSyncReadBytes: number = 16 * KiB;
/** A blocking read that took longer than this was not served from cache... */
const slowMillis = 1;
/** ...and for this long none is tried again, so that a slow disk does not stop everything else. */
const avoidMillis = 5000;

export class RecordReader {
  readonly #options: RecordReaderOptions;
  #avoidUntil = Number.NEGATIVE_INFINITY;

  constructor(options: RecordReaderOptions) {
    this.#options = options;
  }

  /** Errors: `corrupt` when header or a touched sub-block is bad; `invalid-argument` for a range outside the unit. */
  async read(
    file: DiskFile,
    at: { readonly id: FragmentId; readonly place: FragmentPlace },
    range: { readonly offset: number; readonly length: number },
  ): Promise<FragmentRead> {
    const { unitLength, page } = at.place;
    const { offset, length } = range;
    if (offset < 0 || length < 0 || offset + length > unitLength) {
      throw new StoreError('invalid-argument', 'fragment.read', 'the range is outside the unit');
    }
    const first = length === 0 ? 0 : Math.floor(offset / subBlockBytes);
    const spanStart = first * subBlockBytes;
    const spanEnd =
      length === 0
        ? 0
        : Math.min(unitLength, Math.ceil((offset + length) / subBlockBytes) * subBlockBytes);
    const start = page * pageBytes;
    let header: Uint8Array;
    let span: Uint8Array;
    if (first <= 1) {
      // One read from the header on is cheaper than two, even with a sub-block too many.
      const bytes = await this.#bytes(file, start, pageBytes + spanEnd);
      header = bytes.subarray(0, pageBytes);
      span = bytes.subarray(pageBytes + spanStart);
    } else {
      [header, span] = await Promise.all([
        this.#bytes(file, start, pageBytes),
        this.#bytes(file, start + pageBytes + spanStart, spanEnd - spanStart),
      ]);
    }
    const decoded = decodeHeader(header);
    this.#checkIdentity(decoded, at);
    verifySubBlocks(decoded.digests, first, span);
    const from = length === 0 ? 0 : offset - spanStart;
    const asked = span.subarray(from, from + length);
    reusedMemory.lend(asked);
    return { header: decoded.header, bytes: asked };
  }

  #checkIdentity(
    decoded: DecodedHeader,
    at: { readonly id: FragmentId; readonly place: FragmentPlace },
  ): void {
    const { header, place } = decoded;
    const { id } = at;
    const right =
      header.objectId === id.objectId &&
      header.stripe === id.stripe &&
      header.index === id.index &&
      header.unitLength === at.place.unitLength &&
      place.page === at.place.page &&
      place.volume === at.place.volume &&
      place.deviceUuid === this.#options.deviceUuid;
    if (!right) throw new StoreError('corrupt', 'fragment.read', 'another record lies there');
  }

  async #bytes(file: DiskFile, position: number, length: number): Promise<Uint8Array> {
    // The receiver owns the memory. It is not zeroed: every byte is read.
    const bytes = reusedMemory.take(length);
    const read = this.#mayBlock(length)
      ? this.#readBlocking(file, position, bytes)
      : await file.read(position, bytes);
    if (read < length) {
      throw new StoreError('corrupt', 'fragment.read', 'the volume ends inside the record');
    }
    return bytes;
  }

  #mayBlock(length: number): boolean {
    if (length > this.#options.syncReadBytes) return false;
    return this.#options.clock.monotonic() >= this.#avoidUntil;
  }

  #readBlocking(file: DiskFile, position: number, bytes: Uint8Array): number {
    const { clock } = this.#options;
    const before = clock.monotonic();
    const read = file.readSync(position, bytes);
    const after = clock.monotonic();
    if (after - before > slowMillis) this.#avoidUntil = after + avoidMillis;
    return read;
  }
}

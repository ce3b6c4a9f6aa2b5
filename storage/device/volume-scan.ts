/** Reads a volume without an index: record after record, past holes and damage. */
import type { DiskFile } from '../../base/disk.ts';
import { isStoreError, StoreError } from '../../base/errors.ts';
import {
  type DecodedHeader,
  decodeHeader,
  hasMagic,
  pageBytes,
  recordBytes,
  verifySubBlocks,
} from '../fragment/record.ts';
import { pagesOf } from './volume.ts';

export type ScanStep =
  | { readonly type: 'record'; readonly page: number; readonly decoded: DecodedHeader }
  /** The header of a record that would reach past the last page, to before `endPage`: a crash cut it short. */
  | { readonly type: 'cut'; readonly page: number; readonly endPage: number }
  /** A page where a record should begin and none does: a hole, or damage. */
  | { readonly type: 'gap'; readonly page: number };

export type RecordStep = ScanStep & { readonly type: 'record' };

export interface ScanRange {
  /** 32 hex digits; records of another device are gaps. */
  readonly deviceUuid: string;
  readonly volume: number;
  readonly fromPage: number;
  readonly toPage: number;
  /**
   * Whether a record is as long as its header says. Where it is not its pages are gaps: of a record
   * that a crash tore the header alone may have arrived, and whole ones may lie right behind that.
   */
  readonly isWhole: (step: RecordStep) => Promise<boolean>;
}

/** Through a hole this many pages are read at once; else one, as the next header is far away. */
const windowPages = 64;

/** Reads pages, remembering a window of them. Unreadable ones are undefined. */
class PageReader {
  readonly #file: DiskFile;
  #first = 0;
  #count = 0;
  #window = new Uint8Array(0);

  constructor(file: DiskFile) {
    this.#file = file;
  }

  async page(page: number, ahead: number): Promise<Uint8Array | undefined> {
    if (page < this.#first || page >= this.#first + this.#count) {
      if (!(await this.#fill(page, ahead)) && !(await this.#fill(page, 1))) return undefined;
    }
    const from = (page - this.#first) * pageBytes;
    return this.#window.subarray(from, from + pageBytes);
  }

  async #fill(page: number, count: number): Promise<boolean> {
    // A fresh buffer, as pages of the last one may still be in use; zeros beyond the file's end.
    const window = new Uint8Array(count * pageBytes);
    try {
      await this.#file.read(page * pageBytes, window);
    } catch (error) {
      if (!isStoreError(error, 'corrupt')) throw error;
      this.#count = 0;
      return false;
    }
    this.#window = window;
    this.#first = page;
    this.#count = count;
    return true;
  }
}

/** Every record that begins between the two pages, and every page that belongs to none. */
export async function* scanVolume(
  file: DiskFile,
  range: ScanRange,
): AsyncGenerator<ScanStep, void, void> {
  const reader = new PageReader(file);
  let ahead = 1;
  for (let page = range.fromPage; page < range.toPage; ) {
    const bytes = await reader.page(page, Math.min(ahead, range.toPage - page));
    const step =
      bytes === undefined ? ({ type: 'gap', page } as const) : stepAt(bytes, page, range);
    if (step.type === 'record' && (await range.isWhole(step))) {
      yield step;
      ahead = 1;
      page = endOf(page, step.decoded);
    } else {
      yield step.type === 'record' ? { type: 'gap', page } : step;
      ahead = windowPages;
      page += 1;
    }
  }
}

function stepAt(bytes: Uint8Array, page: number, range: ScanRange): ScanStep {
  const decoded = recordAt(bytes, page, range);
  if (decoded === undefined) return { type: 'gap', page };
  const endPage = endOf(page, decoded);
  return endPage > range.toPage
    ? { type: 'cut', page, endPage }
    : { type: 'record', page, decoded };
}

function endOf(page: number, { header }: DecodedHeader): number {
  return page + pagesOf(recordBytes(header.unitLength));
}

function recordAt(bytes: Uint8Array, page: number, range: ScanRange): DecodedHeader | undefined {
  if (!hasMagic(bytes)) return undefined;
  try {
    const decoded = decodeHeader(bytes);
    const { place } = decoded;
    if (place.deviceUuid !== range.deviceUuid) return undefined;
    if (place.volume !== range.volume || place.page !== page) return undefined;
    return decoded;
  } catch (error) {
    if (isStoreError(error, 'corrupt')) return undefined;
    throw error;
  }
}

/** Reads and verifies a record's whole unit; the caller owns it. StoreError `corrupt` when it is damaged or cut short. */
export async function readVerifiedUnit(
  file: DiskFile,
  page: number,
  decoded: DecodedHeader,
): Promise<Uint8Array> {
  const unit = new Uint8Array(decoded.header.unitLength);
  const read = await file.read((page + 1) * pageBytes, unit);
  if (read < unit.length) {
    throw new StoreError('corrupt', 'volume.read', 'the record is cut short');
  }
  verifySubBlocks(decoded.digests, 0, unit);
  return unit;
}

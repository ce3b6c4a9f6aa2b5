/** Reads a device's log from a known place to its end, and tells a torn tail from damage. */
import type { Disk, DiskFile } from '../../../base/disk.ts';
import { StoreError } from '../../../base/errors.ts';
import {
  type BatchHeader,
  type DecodedBatch,
  type LogPlace,
  batchHeaderBytes,
  decodeBatch,
  decodeBatchHeader,
  paddedToPage,
  pageBytes,
} from './batch.ts';

export const logFolder = 'log';
const windowBytes = 1024 * 1024;

export function segmentPath(segment: number): string {
  return `${logFolder}/${segment.toString(16).padStart(8, '0')}.log`;
}

/** Numbers of the segments on the disk, ascending; other names are left alone. */
export async function listSegments(disk: Disk): Promise<number[]> {
  const names = await disk.list(logFolder);
  return names
    .filter((name) => /^[0-9a-f]{8}\.log$/.test(name))
    .map((name) => Number.parseInt(name.slice(0, 8), 16))
    .sort((a, b) => a - b);
}

export interface ScanOutcome {
  /** Where the next batch goes. Beyond it in the last segment there is only a torn tail, if anything. */
  readonly end: LogPlace;
  /** Whether batches that had been synced are missing or unreadable: their records are lost on this device. */
  readonly damaged: boolean;
}

export type Visit = 'go on' | 'stop';

export interface ScanVisitor {
  /** A valid batch, in order. `stop` ends the scan. */
  batch(batch: DecodedBatch): Promise<Visit> | Visit;
  /** Batches are lost here; those that follow are valid. */
  hole(): void;
}

/** One segment file, read through a window that follows the scan. */
class SegmentReader {
  readonly segment: number;
  readonly size: number;
  readonly #file: DiskFile;
  #window: Uint8Array = new Uint8Array(0);
  #windowAt = 0;

  constructor(segment: number, file: DiskFile, size: number) {
    this.segment = segment;
    this.#file = file;
    this.size = size;
  }

  /** A view of [offset, offset + length), shorter at the file's end; dies at the next call. */
  async view(offset: number, length: number): Promise<Uint8Array> {
    const from = offset - this.#windowAt;
    if (from >= 0 && from + length <= this.#window.length) {
      return this.#window.subarray(from, from + length);
    }
    const wanted = Math.min(this.size - offset, Math.max(length, windowBytes));
    const window = new Uint8Array(Math.max(0, wanted));
    const filled = window.length === 0 ? 0 : await this.#file.read(offset, window);
    this.#window = window.subarray(0, filled);
    this.#windowAt = offset;
    return this.#window.subarray(0, Math.min(length, filled));
  }

  async header(offset: number): Promise<BatchHeader | undefined> {
    return decodeBatchHeader(await this.view(offset, batchHeaderBytes), this.segment, offset);
  }

  async batch(offset: number): Promise<DecodedBatch | undefined> {
    const header = await this.header(offset);
    if (header === undefined || offset + header.length > this.size) return undefined;
    return decodeBatch(await this.view(offset, header.length), header);
  }

  /** The first valid batch at or after `offset`, looking at every page. */
  async nextBatch(offset: number): Promise<DecodedBatch | undefined> {
    for (let at = paddedToPage(offset); at < this.size; at += pageBytes) {
      const batch = await this.batch(at);
      if (batch !== undefined) return batch;
    }
    return undefined;
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

async function openReader(disk: Disk, segment: number): Promise<SegmentReader | undefined> {
  const file = await disk.open(segmentPath(segment));
  if (file === undefined) return undefined;
  return new SegmentReader(segment, file, await file.size());
}

interface Progress {
  number: number;
  damaged: boolean;
  stopped: boolean;
}

/** Visits the batches of one segment from `offset` on; returns where the valid part ends. */
async function scanSegment(
  reader: SegmentReader,
  from: { offset: number; last: boolean },
  progress: Progress,
  visitor: ScanVisitor,
): Promise<number> {
  let offset = from.offset;
  const hole = (): void => {
    progress.damaged = true;
    visitor.hole();
  };
  while (offset < reader.size && !progress.stopped) {
    let batch = await reader.batch(offset);
    if (batch === undefined || batch.place.number < progress.number) {
      batch = await reader.nextBatch(offset + pageBytes);
      if (batch === undefined) {
        // Nothing valid follows: in the newest segment that is a write that the crash cut off. A newer segment is made only after the last batch here was synced.
        if (!from.last) hole();
        return offset;
      }
      hole();
    } else if (batch.place.number !== progress.number) {
      hole();
    }
    progress.stopped = (await visitor.batch(batch)) === 'stop';
    progress.number = batch.place.number + 1;
    offset = batch.place.offset + batch.paddedLength;
  }
  return offset;
}

/**
 * Scans from `from` (a place that was the beginning of a batch, or the end of the log). Never
 * changes anything on the disk. Rejects only when the disk does.
 */
export async function scanLog(
  disk: Disk,
  from: LogPlace,
  visitor: ScanVisitor,
): Promise<ScanOutcome> {
  const segments = (await listSegments(disk)).filter((segment) => segment >= from.segment);
  const progress: Progress = { number: from.number, damaged: false, stopped: false };
  let end: LogPlace = from;
  const fresh = segments.length === 0 && from.offset === 0 && from.segment === 0;
  if (segments[0] !== from.segment && !fresh) {
    progress.damaged = true;
    visitor.hole();
  }
  for (const [place, segment] of segments.entries()) {
    const reader = await openReader(disk, segment);
    if (reader === undefined) {
      throw new StoreError('internal', 'log.scan', 'a segment vanished during the scan');
    }
    const start = segment === from.segment ? from.offset : 0;
    try {
      if (reader.size < start) {
        progress.damaged = true;
        visitor.hole();
      }
      const last = place === segments.length - 1;
      const offset = await scanSegment(reader, { offset: start, last }, progress, visitor);
      end = { segment, offset, number: progress.number };
    } finally {
      await reader.close();
    }
    if (progress.stopped) break;
  }
  return { end, damaged: progress.damaged };
}

/** Visits every valid batch of one sealed segment. `hole`: unreadable pages lie before the next. */
export async function visitSegment(
  disk: Disk,
  segment: number,
  visitor: ScanVisitor,
): Promise<void> {
  const reader = await openReader(disk, segment);
  if (reader === undefined) return;
  try {
    let offset = 0;
    while (offset < reader.size) {
      let batch = await reader.batch(offset);
      if (batch === undefined) {
        visitor.hole();
        batch = await reader.nextBatch(offset + pageBytes);
        if (batch === undefined) return;
      }
      if ((await visitor.batch(batch)) === 'stop') return;
      offset = batch.place.offset + batch.paddedLength;
    }
  } finally {
    await reader.close();
  }
}

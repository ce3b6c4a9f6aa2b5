/** One line of JSON for each use of a key of the local key service, written before the use is answered. */
import type { Disk, DiskFile } from '../../base/disk.ts';
import { utf8 } from '../../base/bytes.ts';
import { StoreError } from '../../base/errors.ts';
import { MiB } from '../../base/units.ts';

export const auditPath = 'keys/kms-audit.log';
/** Some 250,000 uses of 250 bytes; nine files make 576 MiB at the most. */
const MAX_BYTES = 64 * MiB;
const KEPT = 8;

interface Line {
  readonly text: string;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class AuditLog {
  readonly #disk: Disk;
  readonly #maxBytes: number;
  #file: DiskFile | undefined;
  #size = 0;
  #lines: Line[] = [];
  #writing: Promise<void> | undefined;

  /** `disk` is the data folder. */
  constructor(disk: Disk, maxBytes: number = MAX_BYTES) {
    this.#disk = disk;
    this.#maxBytes = maxBytes;
  }

  /** Throws `unavailable` when the line cannot be written: then the key may not be used. As many lines wait as requests do. */
  record(entry: object): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#lines.push({ text: `${JSON.stringify(entry)}\n`, resolve, reject });
      this.#writing ??= this.#write();
    });
  }

  async close(): Promise<void> {
    await this.#writing;
    await this.#file?.close();
    this.#file = undefined;
  }

  /** Lines that come while one write runs share the next. */
  async #write(): Promise<void> {
    await Promise.resolve();
    while (this.#lines.length > 0) {
      const lines = this.#lines.splice(0);
      try {
        const file = await this.#open();
        const bytes = utf8(lines.map(({ text }) => text).join(''));
        await file.write(this.#size, [bytes]);
        this.#size += bytes.length;
        for (const { resolve } of lines) resolve();
      } catch (cause) {
        const sentence = `${auditPath} cannot be written, so no key is used`;
        const error = new StoreError('unavailable', 'keys.audit', sentence, { cause });
        for (const { reject } of lines) reject(error);
      }
    }
    this.#writing = undefined;
  }

  async #open(): Promise<DiskFile> {
    if (this.#file !== undefined && this.#size < this.#maxBytes) return this.#file;
    if (this.#file === undefined) {
      await this.#disk.makeDirectory('keys');
      this.#file = (await this.#disk.open(auditPath)) ?? (await this.#disk.create(auditPath));
      this.#size = await this.#file.size();
      if (this.#size < this.#maxBytes) return this.#file;
    }
    await this.#file.close();
    this.#file = undefined;
    await this.#moveOn();
    this.#file = await this.#disk.create(auditPath);
    this.#size = 0;
    return this.#file;
  }

  async #moveOn(): Promise<void> {
    const names = new Set(await this.#disk.list('keys'));
    const isThere = (path: string): boolean => names.has(path.slice('keys/'.length));
    await this.#disk.remove(`${auditPath}.${KEPT}`);
    for (let number = KEPT - 1; number >= 1; number--) {
      const path = `${auditPath}.${number}`;
      if (isThere(path)) await this.#disk.rename(path, `${auditPath}.${number + 1}`);
    }
    await this.#disk.rename(auditPath, `${auditPath}.1`);
    await this.#disk.syncDirectory('keys');
  }
}

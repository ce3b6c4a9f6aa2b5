/** Writes the cluster map to one device, one write at a time: a slow device holds nobody up, and gets the newest map next. */
import type { Disk } from '../../base/disk.ts';
import { writeMap } from './map-file.ts';

interface Waiting {
  readonly bytes: Uint8Array;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class MapWriter {
  readonly disk: Disk;
  #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;

  constructor(disk: Disk) {
    this.disk = disk;
  }

  /** Resolves when these bytes, or newer ones, are durable on the device. */
  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ bytes, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** Resolves when nothing is being written. */
  idle(): Promise<void> {
    return this.#running ?? Promise.resolve();
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const waiting = this.#waiting.splice(0);
      const newest = waiting.at(-1);
      if (newest === undefined) break;
      try {
        await writeMap(this.disk, newest.bytes);
        for (const one of waiting) one.resolve();
      } catch (error) {
        for (const one of waiting) one.reject(error);
      }
    }
    this.#running = undefined;
  }
}

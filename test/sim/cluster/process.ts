/** One process of a simulated cluster: its clock, its log lines, its way to the network and to the engine. */
import type { Clock } from '../../../base/clock.ts';
import type { Disk, DiskFile } from '../../../base/disk.ts';
import { StoreError } from '../../../base/errors.ts';
import type { LogFields, Logger } from '../../../base/log.ts';
import type { SimClock } from '../clock.ts';
import { engineHost, type Reach } from './engine.ts';
import type { Host, SimNet } from './net.ts';

/** A machine's own idea of time. */
export interface MachineTime {
  /** How fast its monotonic clock runs; 1 is right. */
  readonly rate: number;
  /** How far its wall clock is off, in milliseconds; may change. */
  wallOffset: number;
}

export class Process implements Clock, Logger {
  readonly host: Host;
  readonly ended: Promise<void>;
  readonly #clock: SimClock;
  readonly #time: MachineTime;
  readonly #note: (level: string, fields: LogFields & { event: string }, text: string) => void;
  #end: () => void = () => undefined;

  constructor(
    clock: SimClock,
    host: Host,
    time: MachineTime,
    note: (level: string, fields: LogFields & { event: string }, text: string) => void,
  ) {
    this.#clock = clock;
    this.host = host;
    this.#time = time;
    this.#note = note;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  get alive(): boolean {
    return this.host.alive;
  }

  end(): void {
    this.host.end();
    this.#end();
  }

  debug(): void {}
  info(fields: LogFields & { event: string }, text: string): void {
    this.#line('info', fields, text);
  }
  warn(fields: LogFields & { event: string }, text: string): void {
    this.#line('warn', fields, text);
  }
  error(fields: LogFields & { event: string }, text: string): void {
    this.#line('error', fields, text);
  }
  #line(level: string, fields: LogFields & { event: string }, text: string): void {
    if (this.alive) this.#note(level, fields, text);
  }

  now(): number {
    return this.#clock.now() + this.#time.wallOffset;
  }
  monotonic(): number {
    return this.#clock.monotonic() * this.#time.rate;
  }
  after(millis: number, task: () => void): () => void {
    let cancelled = false;
    const cancel = this.#clock.after(millis / this.#time.rate, () => {
      this.host.whenRunning(() => {
        if (!cancelled) task();
      });
    });
    return () => {
      cancelled = true;
      cancel();
    };
  }
  sleep(millis: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const aborted = (): void => {
        cancel();
        reject(new StoreError('cancelled', 'clock.sleep', 'the wait was cancelled'));
      };
      const cancel = this.after(millis, () => {
        signal?.removeEventListener('abort', aborted);
        resolve();
      });
      if (signal?.aborted) aborted();
      else signal?.addEventListener('abort', aborted, { once: true });
    });
  }
  async turn(): Promise<void> {
    await this.#clock.turn();
    await this.running();
  }

  /** Resolves when the process is not stopped; never when it is dead. */
  running(): Promise<void> {
    return new Promise((resolve) => this.host.whenRunning(resolve));
  }

  reach(net: SimNet): Reach {
    const { host } = this;
    return {
      sends: () => host.alive && !net.isCut(host.name, engineHost),
      hears: () => host.alive && !net.isCut(engineHost, host.name),
      whenRunning: (task) => host.whenRunning(task),
    };
  }
}

/** A disk whose answers reach the process only while it runs. */
export function diskOf(process: Process, disk: Disk): Disk {
  const waiting = async <Result>(work: Promise<Result>): Promise<Result> => {
    try {
      const result = await work;
      await process.running();
      return result;
    } catch (error) {
      await process.running();
      throw error;
    }
  };
  const file = (inner: DiskFile): DiskFile => ({
    read: (position, into) => waiting(inner.read(position, into)),
    readSync: (position, into) => inner.readSync(position, into),
    write: (position, pieces) => waiting(inner.write(position, pieces)),
    writeDurably: (position, pieces) => waiting(inner.writeDurably(position, pieces)),
    sync: () => waiting(inner.sync()),
    truncate: (size) => waiting(inner.truncate(size)),
    size: () => waiting(inner.size()),
    close: () => waiting(inner.close()),
  });
  return {
    open: async (path) => {
      const opened = await waiting(disk.open(path));
      return opened && file(opened);
    },
    create: async (path) => file(await waiting(disk.create(path))),
    readAll: (path) => waiting(disk.readAll(path)),
    list: (path) => waiting(disk.list(path)),
    makeDirectory: (path) => waiting(disk.makeDirectory(path)),
    rename: (from, to) => waiting(disk.rename(from, to)),
    remove: (path) => waiting(disk.remove(path)),
    syncDirectory: (path) => waiting(disk.syncDirectory(path)),
    space: () => waiting(disk.space()),
  };
}

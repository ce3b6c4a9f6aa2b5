import { readFileSync } from 'node:fs';
import { cpuMicrosOf } from '../load.ts';

/** What processes have read, written and computed so far, together; Linux only. */
export interface Counters {
  readonly readBytes: number;
  readonly writtenBytes: number;
  readonly cpuSeconds: number;
}

/** `rchar` and `wchar`: what was asked of the system, whether it came from a disk or from its memory. */
export function countersOf(pids: readonly number[]): Counters {
  let [readBytes, writtenBytes, cpuMicros] = [0, 0, 0];
  for (const pid of pids) {
    const text = readFileSync(`/proc/${pid}/io`, 'utf8');
    readBytes += Number(/^rchar: (\d+)/m.exec(text)?.[1]);
    writtenBytes += Number(/^wchar: (\d+)/m.exec(text)?.[1]);
    cpuMicros += cpuMicrosOf(pid);
  }
  return { readBytes, writtenBytes, cpuSeconds: cpuMicros / 1e6 };
}

/** The figures of a stretch of time in which `bytes` came to lie elsewhere. */
export function figuresOf(
  bytes: number,
  seconds: number,
  [before, after]: readonly [Counters, Counters],
): Readonly<Record<string, number>> {
  const read = after.readBytes - before.readBytes;
  const round = (value: number): number => Math.round(value * 100) / 100;
  return {
    mib: round(bytes / 2 ** 20),
    seconds: round(seconds),
    mibPerSecond: round(bytes / 2 ** 20 / seconds),
    readPerByte: round(read / bytes),
    writtenPerByte: round((after.writtenBytes - before.writtenBytes) / bytes),
    cpuSeconds: round(after.cpuSeconds - before.cpuSeconds),
    cpuSecondsPerGib: round((after.cpuSeconds - before.cpuSeconds) / (bytes / 2 ** 30)),
  };
}

/** Damage as media do it: bytes of a running server's files change under it. */
import { closeSync, openSync, readdirSync, readSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const PAGE_BYTES = 4096;

/** Flips one bit in every page of a file; where in the page differs from page to page. */
function flipFile(path: string): number {
  const { size } = statSync(path);
  const descriptor = openSync(path, 'r+');
  let flipped = 0;
  try {
    const byte = Buffer.alloc(1);
    for (let page = 0; page < size; page += PAGE_BYTES) {
      const at = page + (((page / PAGE_BYTES) * 997 + 13) % PAGE_BYTES);
      if (readSync(descriptor, byte, 0, 1, at) === 0) continue;
      byte[0] = (byte[0] ?? 0) ^ (1 << (flipped % 8));
      writeSync(descriptor, byte, 0, 1, at);
      flipped++;
    }
  } finally {
    closeSync(descriptor);
  }
  return flipped;
}

/** All volumes and log segments of one device folder; returns how many bits were flipped. */
export function flipDevice(device: string): number {
  let flipped = 0;
  for (const folder of ['volumes', 'log']) {
    for (const name of readdirSync(join(device, folder))) {
      if (!/\.(vol|log)$/.test(name)) continue;
      flipped += flipFile(join(device, folder, name));
    }
  }
  return flipped;
}

/**
 * What encryption costs: CPU microseconds a MiB to seal and to open a body, and an object to make,
 * wrap and unwrap its keys. One JSON line a case, the median of short runs. `node bench/encryption.ts`
 */
import { randomFillSync } from 'node:crypto';
import { systemRandom } from '../base/random.ts';
import {
  openBody,
  sealBody,
  sealedSize,
  sealSmall,
} from '../server/core/encryption/sealed-body.ts';
import { bodyKeyOf, keyOf, unwrapKey, wrapKey } from '../server/core/encryption/wrapped-key.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
const rounds = 15;

async function drain(chunks: AsyncIterable<Uint8Array>): Promise<number> {
  let length = 0;
  for await (const chunk of chunks) length += chunk.length;
  return length;
}

/** Median CPU of one run, all threads, in microseconds. */
async function medianMicros(work: () => Promise<unknown> | undefined): Promise<number> {
  const found: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const before = process.cpuUsage();
    await work();
    const { user, system } = process.cpuUsage(before);
    found.push(user + system);
  }
  return found.sort((a, b) => a - b)[Math.floor(rounds / 2)] ?? 0;
}

function print(name: string, figures: object): void {
  process.stdout.write(`${JSON.stringify({ name, ...figures })}\n`);
}

const plainSize = 32 * MiB;
const objectKey = keyOf(systemRandom.bytes(32));
const bodyKey = bodyKeyOf(objectKey, systemRandom.bytes(32));
const chunk = randomFillSync(new Uint8Array(64 * KiB));
const chunks = Array.from({ length: plainSize / chunk.length }, () => chunk);
const sealed = new Uint8Array(sealedSize(plainSize));
let at = 0;
for await (const piece of sealBody(bodyKey, chunks)) {
  sealed.set(piece, at);
  at += piece.length;
}

/** As the store gives it: units of a stripe, 256 KiB. */
function* units(from: number, to: number): Generator<Uint8Array> {
  for (let start = from; start < to; start += 256 * KiB) {
    yield sealed.subarray(start, Math.min(to, start + 256 * KiB));
  }
}

const perMiB = (micros: number): number => Math.round(micros / (plainSize / MiB));
const sealing = await medianMicros(() => drain(sealBody(bodyKey, chunks)));
print('seal', { cpuMicrosPerMiB: perMiB(sealing) });
const opening = await medianMicros(() =>
  drain(openBody(bodyKey, { plainSize, start: 0, end: plainSize, read: units })),
);
print('open', { cpuMicrosPerMiB: perMiB(opening) });

const times = 2000;
const binding = systemRandom.bytes(48);
const small = randomFillSync(new Uint8Array(4 * KiB));
const writing = await medianMicros(() => {
  for (let time = 0; time < times; time++) {
    const secret = systemRandom.bytes(32);
    wrapKey(objectKey, secret, { binding, random: systemRandom });
    sealSmall(bodyKeyOf(keyOf(secret), systemRandom.bytes(32)), small);
  }
  return undefined;
});
print('new keys and 4 KiB sealed', { cpuMicros: Number((writing / times).toFixed(1)) });
const wrapped = wrapKey(objectKey, systemRandom.bytes(32), { binding, random: systemRandom });
const salt = systemRandom.bytes(32);
const reading = await medianMicros(() => {
  for (let time = 0; time < times; time++) {
    const secret = unwrapKey(objectKey, wrapped, binding);
    if (secret !== undefined) bodyKeyOf(keyOf(secret), salt);
  }
  return undefined;
});
print('keys unwrapped', { cpuMicros: Number((reading / times).toFixed(1)) });

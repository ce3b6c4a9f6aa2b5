/**
 * Speed of the erasure codecs through their port, copies and allocations included. One JSON line a
 * case: megabytes (10^6) of data a second on one core, median and best of short alternating runs,
 * so that other load on the machine meets both codecs alike. `node bench/codec.ts`
 */
import { randomFillSync } from 'node:crypto';
import { ReedSolomonErasure } from '@subspace/reed-solomon-erasure.wasm';
import type { Codec } from '../storage/erasure/codec.ts';
import { createCrateCodec } from '../storage/erasure/crate-codec.ts';
import { createSimdCodec } from '../storage/erasure/simd-codec.ts';
import { createStripeMemory } from '../storage/erasure/stripe-memory.ts';

interface Case {
  /** encodeStripe: encodeInto within the kernel's own memory. */
  readonly name: 'encode' | 'encodeInto' | 'encodeStripe' | 'reconstruct';
  readonly k: number;
  readonly m: number;
  readonly unitBytes: number;
  /** Units to reconstruct. */
  readonly lost: readonly number[];
}

const KiB = 1024;
const cases: readonly Case[] = [
  { name: 'encode', k: 4, m: 2, unitBytes: 256 * KiB, lost: [] },
  { name: 'encodeInto', k: 4, m: 2, unitBytes: 256 * KiB, lost: [] },
  { name: 'encodeStripe', k: 4, m: 2, unitBytes: 256 * KiB, lost: [] },
  { name: 'encode', k: 8, m: 4, unitBytes: 128 * KiB, lost: [] },
  { name: 'encodeInto', k: 8, m: 4, unitBytes: 128 * KiB, lost: [] },
  { name: 'encodeStripe', k: 8, m: 4, unitBytes: 128 * KiB, lost: [] },
  { name: 'encode', k: 1, m: 2, unitBytes: 1024 * KiB, lost: [] },
  { name: 'reconstruct', k: 4, m: 2, unitBytes: 256 * KiB, lost: [1] },
  { name: 'reconstruct', k: 4, m: 2, unitBytes: 256 * KiB, lost: [0, 2] },
  { name: 'reconstruct', k: 8, m: 4, unitBytes: 128 * KiB, lost: [1] },
  { name: 'reconstruct', k: 8, m: 4, unitBytes: 128 * KiB, lost: [0, 5] },
];
const rounds = 15;
const runMillis = 40;

type Work = () => Promise<unknown>;

async function prepare(of: Case, codec: Codec): Promise<Work> {
  const data = Array.from({ length: of.k }, () => randomFillSync(new Uint8Array(of.unitBytes)));
  if (of.name === 'encodeStripe') {
    const stripeBytes = of.k * of.unitBytes;
    const stripe = (await createStripeMemory(of, { stripeBytes, most: 1 })).lease();
    if (stripe === undefined) throw new Error('the first lease is always granted');
    randomFillSync(stripe.bytes);
    const units = stripe.cut(stripeBytes);
    return () => codec.encodeInto(units.data, units.parity);
  }
  if (of.name === 'encodeInto') {
    const parity = Array.from({ length: of.m }, () => new Uint8Array(of.unitBytes));
    return () => codec.encodeInto(data, parity);
  }
  if (of.name === 'encode') return () => codec.encode(data);
  const all = [...data, ...(await codec.encode(data))];
  const units = all.map((unit, index) => (of.lost.includes(index) ? undefined : unit));
  return () => codec.reconstruct(units, of.lost);
}

/** Megabytes of data a second over one run of about `runMillis`. */
async function measure(of: Case, work: Work): Promise<number> {
  let count = 0;
  const start = performance.now();
  let millis = 0;
  while (millis < runMillis) {
    await work();
    count++;
    millis = performance.now() - start;
  }
  return (count * of.k * of.unitBytes) / millis / 1000;
}

const best = (figures: readonly number[]): number => Math.round(Math.max(...figures));

function median(figures: readonly number[]): number {
  const sorted = figures.toSorted((a, b) => a - b);
  return Math.round(sorted[Math.floor(sorted.length / 2)] ?? 0);
}

/**
 * The crate's npm build: encoding through its own JavaScript, on one array that holds all units;
 * rebuilding through our port, because its own JavaScript corrupts its memory there.
 */
async function prepareCrate(of: Case): Promise<Work> {
  if (of.name === 'reconstruct') return prepare(of, await createCrateCodec(of));
  const crate = await ReedSolomonErasure.fromCurrentDirectory();
  const units = randomFillSync(new Uint8Array((of.k + of.m) * of.unitBytes));
  return async () => crate.encode(units, of.k, of.m);
}

for (const of of cases) {
  const simd = await prepare(of, await createSimdCodec(of));
  const crate = await prepareCrate(of);
  const fast: number[] = [];
  const slow: number[] = [];
  for (let round = 0; round < rounds; round++) {
    fast.push(await measure(of, simd));
    slow.push(await measure(of, crate));
  }
  const ratios = fast.map((figure, round) => figure / (slow[round] ?? figure));
  const line = {
    case: `codec ${of.name} ${of.k}+${of.m}`,
    unitBytes: of.unitBytes,
    lost: of.lost.length,
    simdMedian: median(fast),
    simdBest: best(fast),
    crateMedian: median(slow),
    crateBest: best(slow),
    ratioMedian: median(ratios),
    ratioBest: Math.round((best(fast) / best(slow)) * 10) / 10,
  };
  console.log(JSON.stringify(line));
}

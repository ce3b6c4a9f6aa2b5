import { StoreError } from '../base/errors.ts';

/** How a policy stores bytes. `replica:n` is k = 1, m = n - 1: every fragment is a copy. */
export interface Scheme {
  readonly kind: 'ec' | 'replica';
  /** Data fragments: any k of the k + m give the bytes back. */
  readonly k: number;
  /** Parity fragments: how many devices may be lost. */
  readonly m: number;
}

const maxDataFragments = 16;
const maxParityFragments = 6;
const maxCopies = 7;

/**
 * Reads `ec:K+M` (K 1 to 16, M 0 to 6) or `replica:N` (N 1 to 7). Exactly one text stands for a
 * scheme: no spaces, signs or leading zeros. Throws StoreError `invalid-argument`.
 */
export function parseScheme(text: string): Scheme {
  const [, k, m] = /^ec:([1-9]\d?)\+(\d)$/.exec(text) ?? [];
  const [, copies] = /^replica:([1-9])$/.exec(text) ?? [];
  if (k !== undefined && Number(k) <= maxDataFragments && Number(m) <= maxParityFragments) {
    return { kind: 'ec', k: Number(k), m: Number(m) };
  }
  if (copies !== undefined && Number(copies) <= maxCopies) {
    return { kind: 'replica', k: 1, m: Number(copies) - 1 };
  }
  throw new StoreError(
    'invalid-argument',
    'policy.parse',
    `"${text.slice(0, 40)}" is not a scheme: write ec:K+M with K from 1 to ${maxDataFragments} ` +
      `and M from 0 to ${maxParityFragments}, or replica:N with N from 1 to ${maxCopies}`,
  );
}

/** The text that `parseScheme` reads. */
export function formatScheme({ kind, k, m }: Scheme): string {
  return kind === 'ec' ? `ec:${k}+${m}` : `replica:${m + 1}`;
}

/**
 * The width of the scheme's ring, and the fewest devices that it fits on: each fragment has its
 * own.
 */
export function minDevices({ k, m }: Scheme): number {
  return k + m;
}

/** Fragments that must be synced before a success is sent (design, promise 3). */
export function writeQuorum({ k, m }: Scheme): number {
  return k + Math.ceil(m / 2);
}

/** Replicas of a shard that keeps the scheme's rows: metadata survives what data survives. */
export function shardReplicas({ m }: Scheme): number {
  return m + 1;
}

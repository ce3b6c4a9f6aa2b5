import { StoreError } from '../base/errors.ts';

/**
 * How a policy stores bytes. `replica:n` is k = 1, m = n - 1: every fragment is a copy. `lrc:k+2+2`
 * is a locally repairable code, m = 4: two halves of the data with a parity of each, and two
 * parities of the whole (decision 0020).
 */
export interface Scheme {
  readonly kind: 'ec' | 'replica' | 'lrc';
  /** Data fragments. But for `lrc`, any k of the k + m give the bytes back. */
  readonly k: number;
  /** Parity fragments. */
  readonly m: number;
}

const maxDataFragments = 16;
const maxParityFragments = 6;
const maxCopies = 7;
/** Parities of halves and of the whole in an `lrc`. */
const localParities = 2;
const globalParities = 2;

/**
 * Reads `ec:K+M` (K 1 to 16, M 0 to 6), `replica:N` (N 1 to 7) or `lrc:K+2+2` (K even, 4 to 16).
 * Exactly one text stands for a scheme: no spaces, signs or leading zeros. Throws StoreError
 * `invalid-argument`.
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
  const [, halves] = /^lrc:([1-9]\d?)\+2\+2$/.exec(text) ?? [];
  if (halves !== undefined && isLocallyRepairable(Number(halves))) {
    return { kind: 'lrc', k: Number(halves), m: localParities + globalParities };
  }
  throw new StoreError(
    'invalid-argument',
    'policy.parse',
    `"${text.slice(0, 40)}" is not a scheme: write ec:K+M with K from 1 to ${maxDataFragments} ` +
      `and M from 0 to ${maxParityFragments}, replica:N with N from 1 to ${maxCopies}, ` +
      `or lrc:K+2+2 with an even K from 4 to ${maxDataFragments}`,
  );
}

function isLocallyRepairable(k: number): boolean {
  return k % 2 === 0 && k >= 4 && k <= maxDataFragments;
}

/** The text that `parseScheme` reads. */
export function formatScheme({ kind, k, m }: Scheme): string {
  if (kind === 'lrc') return `lrc:${k}+${localParities}+${globalParities}`;
  return kind === 'ec' ? `ec:${k}+${m}` : `replica:${m + 1}`;
}

/** How many devices may be lost, whichever they are. Of an `lrc` many larger losses too, but not all. */
export function tolerance({ kind, m }: Scheme): number {
  return kind === 'lrc' ? globalParities + 1 : m;
}

/**
 * The width of the scheme's ring, and the fewest devices that it fits on: each fragment has its
 * own.
 */
export function minDevices({ k, m }: Scheme): number {
  return k + m;
}

/**
 * Fragments that must be synced before a success is sent (design, promise 3): half of what the
 * scheme tolerates may be missing, rounded down. For `ec` and `replica` that is k + ceil(m / 2).
 */
export function writeQuorum(scheme: Scheme): number {
  return scheme.k + scheme.m - Math.floor(tolerance(scheme) / 2);
}

/** Replicas of a shard that keeps the scheme's rows: metadata survives what data survives. */
export function shardReplicas(scheme: Scheme): number {
  return tolerance(scheme) + 1;
}

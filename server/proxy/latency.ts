/** Recent latencies of one kind of call, and the quantiles that patience and hedging go by. */
export class LatencyTracker {
  readonly #samples: Float64Array;
  #count = 0;
  #quantiles: { p95: number; p99: number } | undefined;

  /** Remembers the last `window` samples: 512 doubles are 4 KiB. */
  constructor(window = 512) {
    this.#samples = new Float64Array(window);
  }

  record(millis: number): void {
    this.#samples[this.#count % this.#samples.length] = millis;
    this.#count++;
    // Sorting 512 numbers costs some 20 µs: once in 64 samples it does not show.
    if (this.#count % 64 === 0) this.#quantiles = undefined;
  }

  /** Undefined until 32 samples are in. */
  quantiles(): { readonly p95: number; readonly p99: number } | undefined {
    if (this.#count < 32) return undefined;
    if (this.#quantiles === undefined) {
      const used = Math.min(this.#count, this.#samples.length);
      const sorted = this.#samples.slice(0, used).sort();
      const at = (share: number): number => sorted[Math.floor(share * (used - 1))] ?? 0;
      this.#quantiles = { p95: at(0.95), p99: at(0.99) };
    }
    return this.#quantiles;
  }
}

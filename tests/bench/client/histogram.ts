/** Longer than this counts as this. */
const LONGEST = 1_000_000;

/** How long the round trips took, counted by the microsecond. */
export class Histogram {
  #counts = new Uint32Array(LONGEST + 1);
  #total = 0;

  add(milliseconds: number): void {
    this.#counts[Math.min(LONGEST, Math.round(milliseconds * 1000))]++;
    this.#total++;
  }

  clear(): void {
    this.#counts.fill(0);
    this.#total = 0;
  }

  /** The microseconds within which a share of the round trips was through. */
  quantile(share: number): number {
    let left = share * this.#total;
    return this.#counts.findIndex((count) => (left -= count) <= 0);
  }
}

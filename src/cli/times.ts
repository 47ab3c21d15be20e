/** Each step is this much longer than the one before: the error is half. */
const STEP = 1.01;
const PER_STEP = 1 / Math.log(STEP);
/** A nanosecond, in milliseconds: nothing is shorter. */
const LEAST = 1e-6;

/** How long replies took, in milliseconds, in a memory that does not grow. */
export class Times {
  #counts: number[] = [];
  #total = 0;
  #sum = 0;
  #min = Infinity;
  #max = 0;

  add(ms: number): void {
    const step = Math.round(Math.log(Math.max(ms, LEAST) / LEAST) * PER_STEP);
    this.#counts[step] = (this.#counts[step] ?? 0) + 1;
    this.#total++;
    this.#sum += ms;
    this.#min = Math.min(this.#min, ms);
    this.#max = Math.max(this.#max, ms);
  }

  /** The figures, once there is one; the percentile is right within 0.5 %. */
  summary(): TimesSummary | undefined {
    if (this.#total === 0) return undefined;
    return {
      min: this.#min,
      avg: this.#sum / this.#total,
      max: this.#max,
      p99: this.#quantile(0.99),
    };
  }

  #quantile(share: number): number {
    let left = Math.ceil(share * this.#total);
    const step = this.#counts.findIndex((count = 0) => (left -= count) <= 0);
    if (step === this.#counts.length - 1) return this.#max;
    return Math.max(this.#min, LEAST * STEP ** step);
  }
}

/** Milliseconds. */
export interface TimesSummary {
  min: number;
  avg: number;
  max: number;
  p99: number;
}

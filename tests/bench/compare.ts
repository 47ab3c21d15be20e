import type { Result } from "./client/result.ts";
import { measure, type Plan } from "./measure.ts";
import { type Outcome, outcomeOf } from "./outcome.ts";
import type { Program } from "./programs.ts";
import type { Metric, Row, Target } from "./rows.ts";

/** A median with what it lies between. */
export interface Spread {
  median: number;
  min: number;
  max: number;
}

/** What a program's measurements come to. */
export interface Summary extends Spread {
  /** By the clock, and the server waited for the client: it could do more. */
  clientBound: boolean;
}

/** A program beside the others, and what came of each row. */
export interface Side {
  program: Program;
  cells: Outcome<Summary>[];
}

/** How ours compares with the baseline on one runtime. */
export interface Comparison {
  ours: Summary;
  baseline: Summary;
  /** Of the pairs, so that what slows both of a pair down cancels out. */
  ratio: Spread;
}

/** Measures two programs in turns: A B A B… */
export async function compare(
  ours: Program,
  baseline: Program,
  row: Row,
  plan: Plan,
): Promise<Comparison> {
  const results: { ours: Result[]; baseline: Result[] } = {
    ours: [],
    baseline: [],
  };
  for (let round = 0; round < plan.rounds; round++) {
    results.ours.push(await measure(ours, row, plan));
    results.baseline.push(await measure(baseline, row, plan));
  }
  const value = (result: Result) => row.metric.of(result, row);
  return {
    ours: summaryOf(results.ours, row),
    baseline: summaryOf(results.baseline, row),
    ratio: spreadOf(
      results.ours.map((our, i) => value(our) / value(results.baseline[i])),
    ),
  };
}

/** Measures many programs in turns, so that all see the same weather. */
export async function compareSides(
  programs: readonly Program[],
  rows: readonly Row[],
  plan: Plan,
): Promise<Side[]> {
  const sides = programs.map((program) => ({
    program,
    cells: rows.map((): Outcome<Result[]> => ({ value: [] })),
  }));
  for (let round = 0; round < plan.rounds; round++) {
    for (const [i, row] of rows.entries()) {
      for (const { program, cells } of sides) {
        const before = cells[i];
        if ("reason" in before) continue;
        cells[i] = await outcomeOf(async () => [
          ...before.value,
          await measure(program, row, plan),
        ]);
      }
    }
  }
  return sides.map(({ program, cells }) => ({
    program,
    cells: cells.map((cell, i) =>
      "reason" in cell ? cell : { value: summaryOf(cell.value, rows[i]) }
    ),
  }));
}

/** A server that uses this share of the client's time waits for the client. */
const WAITING = 0.75;

function summaryOf(results: readonly Result[], row: Row): Summary {
  const load = spreadOf(
    results.map(({ serverCpu, clientCpu }) => serverCpu / clientCpu),
  );
  return {
    ...spreadOf(results.map((result) => row.metric.of(result, row))),
    clientBound: row.metric.byClock === true && load.median < WAITING,
  };
}

function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const half = (sorted.length - 1) / 2;
  const median = (sorted[Math.floor(half)] + sorted[Math.ceil(half)]) / 2;
  return { median, min: sorted[0], max: sorted[sorted.length - 1] };
}

/** Beyond this, the largest value over the smallest, a median says little. */
const TOO_WIDE = 1.25;

/** Whether the target is met; unreadable where the pairs contradict it. */
export function verdict(
  comparison: Comparison,
  target: Target | undefined,
  { better }: Metric,
): string {
  const { median, min, max } = comparison[target?.of ?? "ratio"];
  const wide = max / min > TOO_WIDE;
  if (target === undefined) return wide ? "noisy" : "";
  const meets = (value: number) => {
    // As precisely as the table shows it.
    const shown = Math.round(value * 100) / 100;
    return better === "lower" ? shown <= target.value : shown >= target.value;
  };
  if (wide && meets(min) !== meets(max)) return "noisy";
  return meets(median) ? "yes" : "no";
}

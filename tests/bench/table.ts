import {
  type Comparison,
  type Side,
  type Spread,
  type Summary,
  verdict,
} from "./compare.ts";
import type { Outcome } from "./outcome.ts";
import type { Runtime } from "./programs.ts";
import type { Metric, Row, Target } from "./rows.ts";

/** What a row cost it, or gave; nothing sorts last. */
export function valueOf({ cells }: Side, row = 0): number {
  const cell = cells[row];
  return "value" in cell ? cell.value.median : Infinity;
}

/** A Markdown table. */
export function table(
  head: readonly string[],
  lines: readonly (readonly string[])[],
): string {
  return [head, head.map(() => "---"), ...lines]
    .map((cells) =>
      `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`
    )
    .join("\n");
}

/** Below the tables. */
export const LEGEND =
  "CPU is the server's, user + system. Ratios are medians " +
  "of interleaved pairs, ours over the same by hand on the same runtime. " +
  "(†): the client was the bottleneck, the server could do more.";

export const COMPARISON_HEAD = [
  "work",
  "runtime",
  "ours",
  "baseline",
  "ratio (min–max)",
  "target",
  "met?",
];

/** One line of the main table. */
export function comparisonLine(
  row: Row,
  runtime: Runtime,
  outcome: Outcome<Comparison>,
): string[] {
  const { metric, targets } = row;
  const target = targets[runtime];
  const wanted = target === undefined ? "" : targetText(target, metric);
  if ("reason" in outcome) {
    const reason = `not available: ${outcome.reason}`;
    return [row.work, runtime, reason, "", "", wanted, ""];
  }
  const { ours, baseline, ratio } = outcome.value;
  return [
    row.work,
    runtime,
    withUnit(ours, metric),
    withUnit(baseline, metric),
    `${ratio.median.toFixed(2)} (${rangeOf(ratio)})`,
    wanted,
    verdict(outcome.value, target, metric),
  ];
}

function targetText({ of, value }: Target, metric: Metric): string {
  const sign = metric.better === "lower" ? "≤" : "≥";
  return of === "ratio"
    ? `${sign} ${value.toFixed(2)}`
    : `${sign} ${value} ${metric.unit}`;
}

function withUnit(summary: Summary, { unit }: Metric): string {
  const mark = summary.clientBound ? " (†)" : "";
  return `${short(summary.median)} ${unit}${mark}`;
}

/** Three digits are as many as such a measurement has. */
function short(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

function rangeOf({ min, max }: Spread): string {
  return `${min.toFixed(2)}–${max.toFixed(2)}`;
}

/** The side-by-side table, the cheapest in the first row on top. */
export function sideTable(
  sides: readonly Side[],
  rows: readonly Row[],
): string {
  const lines = sides.toSorted((a, b) => valueOf(a) - valueOf(b)).map(
    ({ program, cells }) => [
      program.name,
      program.runtime,
      ...cells.map((cell, i) => sideCell(cell, rows[i].metric)),
    ],
  );
  return table(["program", "runtime", ...rows.map(({ work }) => work)], lines);
}

function sideCell(outcome: Outcome<Summary>, metric: Metric): string {
  if ("reason" in outcome) return `not available: ${outcome.reason}`;
  const { min, max } = outcome.value;
  const range = min === max ? "" : ` (${short(min)}–${short(max)})`;
  return withUnit(outcome.value, metric) + range;
}

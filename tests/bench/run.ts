// Measures the package against the same programs by hand on each runtime,
// and beside what else a user might pick. Prints Markdown.
//
//   deno run -A tests/bench/run.ts [--quick] [--only NAME] [--runtime NAME]
//     [--svg FILE]
//   deno run -A tests/bench/run.ts --check [--update]
import process from "node:process";
import { parseArgs } from "node:util";
import { chart } from "./chart.ts";
import { check } from "./check.ts";
import {
  compare,
  compareSides,
  type Comparison,
  type Side,
} from "./compare.ts";
import { machine } from "./machine.ts";
import type { Plan } from "./measure.ts";
import { outcomeOf } from "./outcome.ts";
import {
  otherDatagrams,
  others,
  ours,
  type Program,
  raw,
  RUNTIMES,
} from "./programs.ts";
import { DATAGRAMS, LARGE, type Row, ROWS, SMALL } from "./rows.ts";
import {
  COMPARISON_HEAD,
  comparisonLine,
  LEGEND,
  sideTable,
  table,
} from "./table.ts";

/** What `--only` calls the tables after the first. */
const SIDE_BY_SIDE = "side-by-side";

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string" },
    runtime: { type: "string" },
    svg: { type: "string" },
    check: { type: "boolean", default: false },
    update: { type: "boolean", default: false },
  },
});
if (values.check) Deno.exit(await check(values.update) ? 0 : 1);
const { quick, only, runtime, svg } = values;
const runtimes = RUNTIMES.filter((name) =>
  runtime === undefined || name.toLowerCase() === runtime.toLowerCase()
);
const rows = ROWS.filter((row) =>
  only === undefined ? row.quick || !quick : row.name === only
);
const beside = only === SIDE_BY_SIDE ||
  (only === undefined && runtime === undefined && !quick);
if (rows.length === 0 && !beside) {
  const names = [...ROWS.map(({ name }) => name), SIDE_BY_SIDE];
  fail(`--only takes one of ${names.join(", ")}`);
}
if (runtimes.length === 0) fail(`--runtime takes one of ${RUNTIMES}`);
if (svg !== undefined && !beside) fail(`--svg draws ${SIDE_BY_SIDE}`);

const plan: Plan = quick
  ? { rounds: 3, warmup: 150, duration: 200 }
  : { rounds: 5, warmup: 400, duration: 1200 };

console.log(`${await machine()}\n`);
if (rows.length > 0) await printComparisons();
if (beside) await printSides();
console.log(`\n${LEGEND}`);
Deno.exit();

async function printComparisons(): Promise<void> {
  const lines: string[][] = [];
  for (const row of rows) {
    for (const runtime of runtimes) {
      const outcome = await outcomeOf<Comparison>(() =>
        compare(
          ours(runtime, row.program, ...(row.args ?? [])),
          row.baseline?.(runtime) ?? raw(runtime, row.transport),
          row,
          plan,
        )
      );
      lines.push(comparisonLine(row, runtime, outcome));
    }
  }
  console.log(table(COMPARISON_HEAD, lines));
}

async function printSides(): Promise<void> {
  const streams = await printSide(
    quick ? [SMALL] : [SMALL, LARGE],
    others,
  );
  if (runtimes.length === 0) fail(`--runtime takes one of ${RUNTIMES}`);
  if (svg !== undefined) {
    const title = "Server CPU per message: echo, 64 connections × 64 B";
    await Deno.writeTextFile(svg, chart(streams, title));
  }
  if (!quick) await printSide([DATAGRAMS], otherDatagrams);
}

async function printSide(
  rows: readonly Row[],
  others: readonly Program[],
): Promise<Side[]> {
  const [{ transport }] = rows;
  const own = RUNTIMES.flatMap(
    (runtime) => [ours(runtime), raw(runtime, transport)],
  );
  // One round gives the order of magnitude, all that a quick look is for.
  const rounds = quick ? 1 : plan.rounds;
  const sides = await compareSides([...own, ...others], rows, {
    ...plan,
    rounds,
  });
  console.log(`\nSide by side:\n\n${sideTable(sides, rows)}`);
  return sides;
}

function fail(message: string): never {
  console.error(message);
  process.exit(2);
}

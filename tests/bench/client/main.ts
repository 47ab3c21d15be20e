// The client of every row: one task as JSON in, one line of JSON out. It runs
// on Bun, but for the streams.
import process from "node:process";
import { burst } from "./burst.ts";
import { cycles } from "./cycles.ts";
import { datagrams } from "./datagrams.ts";
import { echo } from "./echo.ts";
import { feed } from "./feed.ts";
import { idle } from "./idle.ts";
import type { Task } from "./result.ts";
import { stall } from "./stall.ts";
import { stream } from "./stream.ts";

/** Milliseconds for opening and closing, beside the measured window. */
const GRACE = 20_000;

const task: Task = JSON.parse(process.argv[2]);
const modes = {
  echo,
  stream,
  cycles,
  idle,
  datagrams,
  feed,
  burst,
  stall,
};

setTimeout(() => {
  console.error("the server did not answer in time");
  process.exit(1);
}, task.warmup + task.duration + GRACE);

try {
  console.log(JSON.stringify(await modes[task.mode](task)));
} catch (error) {
  console.error(String(error));
  process.exit(1);
}
process.exit();

// The soak: `run.ts [SCALE] [NAME…]`, ten minutes at most. Runs every part on
// each runtime, prints what it did, and fails on any loss or leak.
import { spawn, spawnSync } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { hasProc } from "../support/proc.ts";
import { type Runtime, runtimes } from "../support/programs.ts";
import process from "node:process";

const LONGEST = 10 * 60_000;
const PART = fileURLToPath(new URL("part.ts", import.meta.url));

async function soak(
  { command, name }: Runtime,
  rest: string[],
): Promise<number> {
  const [program, ...args] = command;
  const child = spawn(program, [...args, PART, ...rest], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise<number>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status) => resolve(status ?? 1));
  });
  const late = setTimeout(() => {
    console.log(`${name}: not through in time`);
    child.kill("SIGKILL");
  }, LONGEST / runtimes.length);
  for await (const line of createInterface({ input: child.stdout })) {
    console.log(line);
  }
  const status = await ended;
  clearTimeout(late);
  return status;
}

if (!hasProc) throw new Error("The soak reads /proc: run it on Linux");
const { stdout } = spawnSync("sh", ["-c", "ulimit -n"], { encoding: "utf8" });
const limit = stdout.trim() === "unlimited" ? 1_000_000 : Number(stdout);
const [scale = "1", ...names] = process.argv.slice(2);
const since = performance.now();
let failed = 0;
for (const runtime of runtimes) {
  failed += await soak(runtime, [scale, String(limit), ...names]);
}
const seconds = Math.round((performance.now() - since) / 1000);
console.log(failed === 0 ? "No loss, no leak" : "FAILED", `in ${seconds} s`);
process.exitCode = failed === 0 ? 0 : 1;

// Runs the suite on Bun: the installed one, or else the one from npm.
import { spawnSync } from "node:child_process";
import { bun } from "./support/programs.ts";
import process from "node:process";

const [name, ...args] = bun.command;
const { status } = spawnSync(
  name,
  [...args, "test", ...process.argv.slice(2)],
  {
    stdio: "inherit",
  },
);
process.exitCode = status ?? 1;

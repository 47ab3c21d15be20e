// Runs on Bun what tests this process: the installed Bun, or the one from npm.
// The other folders start processes of both runtimes, and so run once, on Deno.
import { spawnSync } from "node:child_process";
import { bun } from "./support/programs.ts";
import process from "node:process";

const IN_PROCESS = [
  "contract",
  "interop",
  "proxy_protocol",
  "servers",
  "tls",
  "udp",
  "unix",
];

const [name, ...args] = bun.command;
const files = IN_PROCESS.map((folder) => `tests/${folder}/`);
const { status } = spawnSync(
  name,
  [...args, "test", ...files, ...process.argv.slice(2)],
  { stdio: "inherit" },
);
process.exitCode = status ?? 1;

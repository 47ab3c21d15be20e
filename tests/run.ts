// Runs the suite in three lanes beside each other: what runs in the process of
// each runtime, and two of tests that start processes of both runtimes, which
// needs no repetition. Such a lane mostly waits for its processes.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { bun, deno } from "./support/programs.ts";
import process from "node:process";

/** Folders of tests that run on each runtime. */
const IN_PROCESS = [
  "contract",
  "interop",
  "proxy_protocol",
  "servers",
  "tls",
  "udp",
  "unix",
].map((name) => `tests/${name}/`);

/** The examples and servers as processes. */
const END_TO_END = "tests/e2e/";

/** Tests of the command line that start nothing. */
const IN_PROCESS_FILES = ["tests/cli/stream_checker_test.ts"];

const root = fileURLToPath(new URL("../", import.meta.url));
const [denoCommand] = deno.command;
const [bunCommand] = bun.command;
const denoTest = [denoCommand, "test", "-A"];

interface Outcome {
  status: number;
  /** Empty where it was printed meanwhile. */
  output: Uint8Array[];
}

function run([name, ...args]: string[], live: boolean): Promise<Outcome> {
  const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
  const to = live ? "inherit" : "pipe";
  const child = spawn(name, args, { cwd: root, stdio: ["ignore", to, to] });
  const output: Uint8Array[] = [];
  child.stdout?.on("data", (data) => output.push(data));
  child.stderr?.on("data", (data) => output.push(data));
  child.on("error", reject);
  child.on("close", (status) => resolve({ status: status ?? 1, output }));
  return promise;
}

/** Runs commands one after the other, whether they fail or not. */
async function lane(commands: string[][], live: boolean): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const command of commands) outcomes.push(await run(command, live));
  return outcomes;
}

const filters = [...IN_PROCESS, ...IN_PROCESS_FILES];
const ignored = [...IN_PROCESS, END_TO_END].join();
const lanes = await Promise.all([
  lane([[...denoTest, "--doc", `--ignore=${ignored}`]], true),
  lane([[...denoTest, END_TO_END]], false),
  lane([[...denoTest, ...IN_PROCESS], [bunCommand, "test", ...filters]], false),
]);
for (const { status, output } of lanes.flat()) {
  for (const data of output) process.stdout.write(data);
  if (status !== 0) process.exitCode = 1;
}

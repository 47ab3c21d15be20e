// Runs the suite by five commands, two at a time: what runs in the process of
// each runtime, and what starts processes of all three, which needs no
// repetition. Types are checked by `deno task check`.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { bun, deno, node } from "./support/programs.ts";

/** Folders of tests that run on each runtime. */
const IN_PROCESS = [
  "contract",
  "interop",
  "ping",
  "proxy_protocol",
  "servers",
  "tls",
  "udp",
  "unix",
].map((name) => `tests/${name}/`);

/** The examples and servers as processes. */
const END_TO_END = "tests/e2e/";

/** Its programs are tested as they are written, by `tests/package/`. */
const README = "README.md";

const root = fileURLToPath(new URL("../", import.meta.url));
const [denoCommand] = deno.command;
const [bunCommand] = bun.command;
const [nodeCommand] = node.command;
const denoTest = [denoCommand, "test", "-A"];
const nodeTest = [
  ...[nodeCommand, "--test", "--test-reporter=spec"],
  // A process per file would take half as long again, to load the package.
  ...["--test-isolation=none", "--test-timeout=180000"],
];

// What Node compiles, it compiles once for its hundreds of processes.
const compiled = mkdtempSync(join(tmpdir(), "parley-compiled-"));
process.env.NODE_COMPILE_CACHE = compiled;

const commands = [
  // The rest, with the examples in the documentation.
  [
    ...denoTest,
    "--doc",
    "--no-check",
    `--ignore=${[...IN_PROCESS, END_TO_END, README].join()}`,
  ],
  [...denoTest, "--no-check", END_TO_END],
  [...denoTest, "--no-check", ...IN_PROCESS],
  [bunCommand, "test", ...IN_PROCESS],
  [...nodeTest, ...IN_PROCESS.map((folder) => `${folder}*_test.ts`)],
];

interface Outcome {
  status: number;
  output: Uint8Array[];
}

function run([name, ...args]: string[]): Promise<Outcome> {
  const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
  const child = spawn(name, args, {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
    // A test that hangs must not hide what the others found.
    timeout: 1_800_000,
  });
  const output: Uint8Array[] = [];
  child.stdout.on("data", (data) => output.push(data));
  child.stderr.on("data", (data) => output.push(data));
  child.on("error", reject);
  child.on("close", (status) => resolve({ status: status ?? 1, output }));
  return promise;
}

/** Runs one command after the other, and prints each one's output. */
async function work(): Promise<void> {
  for (let next; (next = commands.shift()) !== undefined;) {
    const { status, output } = await run(next);
    for (const data of output) process.stdout.write(data);
    if (status !== 0) process.exitCode = 1;
  }
}

// More at once than cores would make the tests wait that have deadlines.
await Promise.all([work(), work()]);
rmSync(compiled, { recursive: true, force: true });

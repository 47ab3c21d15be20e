// Checks whether TCP ports are open: connects to all of them at once.
import process from "node:process";
import { parseArgs } from "node:util";
import { connect, SocketError } from "../mod.ts";

const HELP = `Usage: port_check.ts [FLAGS] HOST:PORT...

Connects to each, and prints the time that took or why it failed. The status is
0 if all are open, otherwise 1.

      --timeout MS  milliseconds for each [3000]
  -h, --help        this text

Example: port_check.ts localhost:22 [::1]:80`;

/** Connects, sends nothing, and closes. Returns whether the port is open. */
async function check(target: string, timeout: number): Promise<boolean> {
  const match = /^(?:\[(.+)\]|([^:]+)):(\d+)$/.exec(target);
  if (match === null) throw new TypeError(`Expected HOST:PORT, not ${target}`);
  const [, ip, name, port] = match;
  const start = performance.now();
  try {
    const hostname = ip ?? name;
    await using _ = await connect({ hostname, port: Number(port), timeout });
    const time = performance.now() - start;
    console.log(`${target} open ${time.toFixed(1)} ms`);
    return true;
  } catch (error) {
    if (!(error instanceof SocketError)) throw error;
    console.log(`${target} ${error.code}`);
    return false;
  }
}

async function main(): Promise<void> {
  const { values, positionals: targets } = parseArgs({
    options: {
      timeout: { type: "string", default: "3000" },
      help: { type: "boolean", short: "h" },
    },
    allowPositionals: true,
  });
  if (values.help) return console.log(HELP);
  if (targets.length === 0) throw new TypeError("Expected HOST:PORT");
  const timeout = Number(values.timeout);
  const open = await Promise.all(targets.map((at) => check(at, timeout)));
  if (open.includes(false)) process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

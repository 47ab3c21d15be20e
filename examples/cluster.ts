// One echo server per core: workers share a port, and the kernel distributes
// the connections. Deno needs `--unstable-net` for the shared port, and
// `--allow-read` to load the workers' program.
import { once } from "node:events";
import { availableParallelism } from "node:os";
import process from "node:process";
import { parseArgs } from "node:util";
import {
  isMainThread,
  parentPort,
  Worker,
  workerData,
} from "node:worker_threads";
import { formatAddress, serveEcho } from "../mod.ts";

const HELP = `Usage: cluster.ts [FLAGS]

An echo server on every core: workers share a port.

      --hostname HOST  name or IP to listen on [127.0.0.1]
      --port PORT      port, 0 to have one chosen [65432]
      --workers N      servers [one a core]
  -h, --help           this text

On Deno: deno run --unstable-net --allow-net --allow-read cluster.ts`;

async function work(): Promise<void> {
  try {
    const { addr } = await serveEcho({ ...workerData, reusePort: true });
    parentPort?.postMessage({ addr });
  } catch (error) {
    // An uncaught error would reach the main thread without its message.
    const failure = error instanceof Error ? error.message : String(error);
    parentPort?.postMessage({ failure });
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      hostname: { type: "string", default: "127.0.0.1" },
      port: { type: "string", default: "65432" },
      workers: { type: "string", default: `${availableParallelism()}` },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return console.log(HELP);
  const count = Number(values.workers);
  if (!(count >= 1)) throw new RangeError(`Invalid --workers ${count}`);
  let address = { hostname: values.hostname, port: Number(values.port) };
  for (let i = 0; i < count; i++) {
    const worker = new Worker(new URL(import.meta.url), {
      workerData: address,
    });
    // With port 0, the first worker's port is the one to share.
    const [{ addr, failure }] = await once(worker, "message");
    if (failure !== undefined) throw new Error(failure);
    address = addr;
  }
  // The workers end with the process.
  for (const signal of ["SIGINT", "SIGTERM"]) {
    process.once(signal, () => process.exit());
  }
  console.log(
    `listening on ${formatAddress({ transport: "tcp", ...address })}`,
  );
}

try {
  await (isMainThread ? main() : work());
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

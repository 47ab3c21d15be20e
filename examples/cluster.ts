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
import { toNumber } from "../src/cli/flags.ts";
import { run } from "../src/cli/program.ts";

async function work(): Promise<void> {
  try {
    const { addr } = await serveEcho({ ...workerData, reusePort: true });
    parentPort?.postMessage({ addr });
  } catch (error) {
    // An uncaught error would reach the main thread without its message.
    parentPort?.postMessage({ failure: String(error) });
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      hostname: { type: "string", default: "127.0.0.1" },
      port: { type: "string", default: "65432" },
      workers: { type: "string", default: `${availableParallelism()}` },
    },
  });
  const count = toNumber("workers", values.workers);
  let address = {
    hostname: values.hostname,
    port: toNumber("port", values.port),
  };
  for (let i = 0; i < count; i++) {
    const worker = new Worker(new URL(import.meta.url), {
      workerData: address,
    });
    // With port 0, the first worker's port is the one to share.
    const [{ addr, failure }] = await once(worker, "message");
    if (failure !== undefined) throw new Error(failure);
    address = addr;
  }
  console.log(
    `listening on ${formatAddress({ transport: "tcp", ...address })}`,
  );
  // The workers end with the process.
  for (const signal of ["SIGINT", "SIGTERM"]) {
    process.once(signal, () => process.exit());
  }
}

const help = `Usage: cluster.ts [FLAGS]

An echo server on every core: workers share a port.

      --hostname HOST  name or IP to listen on [127.0.0.1]
      --port PORT      port, 0 to have one chosen [65432]
      --workers N      servers [one a core]`;

await (isMainThread ? run(main, { help }) : work());

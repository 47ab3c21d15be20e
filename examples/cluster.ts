// One echo server per core: workers that share a port, among which the kernel
// shares out the connections. Deno needs `--unstable-net` for it, and
// `--allow-read` for the workers' own program.
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
    // An error of a worker loses its message on the way.
    parentPort?.postMessage({ problem: String(error) });
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
  let where = {
    hostname: values.hostname,
    port: toNumber("port", values.port),
  };
  for (let i = 0; i < count; i++) {
    const worker = new Worker(new URL(import.meta.url), { workerData: where });
    // The first one finds the port, where it was 0, for the others.
    const [{ addr, problem }] = await once(worker, "message");
    if (problem !== undefined) throw new Error(problem);
    where = addr;
  }
  console.log(`listening on ${formatAddress({ transport: "tcp", ...where })}`);
  // Workers end with the process.
  for (const signal of ["SIGINT", "SIGTERM"]) {
    process.once(signal, () => process.exit());
  }
}

await (isMainThread ? run(main) : work());

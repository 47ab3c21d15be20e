/**
 * The command line: an echo server, a greeting server, a ping that checks
 * echo servers, and a check of ports. The module is a program; importing it does nothing.
 *
 * On Deno:
 *
 * ```sh
 * deno run -N jsr:@parley/echo/cli echo --port 7000
 * deno run -N jsr:@parley/echo/cli greet --message "Nice to see you"
 * deno run -N jsr:@parley/echo/cli ping 127.0.0.1:7000
 * deno run -N jsr:@parley/echo/cli connect localhost:22 localhost:80
 * ```
 *
 * On Bun, after `bunx jsr add @parley/echo`:
 *
 * ```sh
 * bun node_modules/@parley/echo/src/cli.js ping 127.0.0.1:7000
 * ```
 *
 * As one executable, from a checkout:
 *
 * ```sh
 * deno compile -A -o parley src/cli.ts
 * bun build --compile --outfile parley src/cli.ts
 * ./parley ping --help
 * ```
 *
 * `ping` sends numbered messages, and reports loss, duplicates, reordering,
 * truncation and corruption. Its exit status is 0 if all came back intact, 1 if
 * not or if the server cannot be reached, 2 for wrong arguments.
 *
 * @module
 */
import { realpathSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** The oldest Node.js that the package supports. */
const OLDEST_NODE = 24;
/** Milliseconds to write the last messages to standard error. */
const FLUSH_TIME = 500;

// Node.js below 24.2 has no `import.meta.main`.
if (import.meta.main ?? isEntryPoint()) {
  const { node } = process.versions;
  if (Number.parseInt(node) < OLDEST_NODE) {
    console.error(
      `parley: needs Node.js ${OLDEST_NODE} or later, this is ${node}`,
    );
    process.exitCode = 1;
  } else await start();
}

function isEntryPoint(): boolean {
  const [, path] = process.argv;
  return path !== undefined &&
    realpathSync(path) === fileURLToPath(import.meta.url);
}

async function start(): Promise<void> {
  // Imported here, since an older Node.js cannot parse these modules.
  const { main } = await import("./cli/main.ts");
  const { run } = await import("./cli/program.ts");
  const { flushLog } = await import("./servers/log.ts");
  await run(main, { name: "parley", usageStatus: 2 });
  await flushLog(FLUSH_TIME);
  // Bun would wait minutes for a connection attempt that was given up.
  process.stdout.write("", () => process.exit());
}

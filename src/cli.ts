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
import process from "node:process";
import { main } from "./cli/main.ts";
import { run } from "./cli/program.ts";
import { flushLog } from "./servers/log.ts";

/** Milliseconds to write the last messages to standard error. */
const FLUSH_TIME = 500;

if (import.meta.main) {
  await run(main, { name: "parley", usageStatus: 2 });
  await flushLog(FLUSH_TIME);
  // Bun would wait minutes for a connection attempt that was given up.
  process.stdout.write("", () => process.exit());
}

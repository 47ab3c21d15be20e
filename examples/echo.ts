// An echo server: sends back every byte until the client ends its side.
import { parseArgs } from "node:util";
import { serveEcho } from "../mod.ts";
import { serverFlags, serverOptions } from "../src/cli/flags.ts";
import { run } from "../src/cli/program.ts";
import { serveUntilSignal } from "../src/cli/shutdown_signals.ts";

await run(async () => {
  const { values } = parseArgs({ options: serverFlags("65432") });
  const server = await serveEcho(serverOptions(values));
  await serveUntilSignal(server, values.cert !== undefined);
});

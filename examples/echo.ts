// An echo server: sends back every byte until the client ends its side.
import { parseArgs } from "node:util";
import { serveEcho } from "../mod.ts";
import { run } from "../src/cli/program.ts";
import { serveUntilSignal } from "../src/cli/serve_until_signal.ts";
import { serverFlags, serverOptions } from "../src/cli/server_flags.ts";

await run(async () => {
  const { values } = parseArgs({ options: serverFlags("65432") });
  const server = await serveEcho(serverOptions(values));
  await serveUntilSignal(server, values.cert !== undefined);
});

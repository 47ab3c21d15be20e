// An echo server: sends back every byte until the client ends its side.
import { parseArgs } from "node:util";
import { serveEcho } from "../mod.ts";
import { serverFlags, serverOptions } from "../src/cli/flags.ts";
import { exampleHelp } from "../src/cli/help.ts";
import { run } from "../src/cli/program.ts";
import { serveUntilSignal } from "../src/cli/shutdown_signals.ts";

const help = exampleHelp(
  "echo.ts",
  "Sends back what it gets, until the client ends.",
  65432,
);

await run(async () => {
  const { values } = parseArgs({ options: serverFlags("65432") });
  const server = await serveEcho(serverOptions(values));
  await serveUntilSignal(server, values);
}, { help });

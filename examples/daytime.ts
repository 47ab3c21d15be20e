// Daytime (RFC 867): sends the time to each client, or in reply to a datagram.
import { parseArgs } from "node:util";
import { serveGreeting } from "../mod.ts";
import { serverFlags, serverOptions } from "../src/cli/flags.ts";
import { exampleHelp } from "../src/cli/help.ts";
import { run } from "../src/cli/program.ts";
import { serveUntilSignal } from "../src/cli/shutdown_signals.ts";

const help = exampleHelp(
  "daytime.ts",
  "Sends the time to each client (RFC 867).",
  1313,
);

await run(async () => {
  const { values } = parseArgs({ options: serverFlags("1313") });
  const server = await serveGreeting({
    ...serverOptions(values),
    message: () => `${new Date().toUTCString()}\r\n`,
  });
  await serveUntilSignal(server, values);
}, { help });

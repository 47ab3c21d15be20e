// Discard (RFC 863): reads everything, sends nothing.
import { parseArgs } from "node:util";
import { serve, serveDatagrams } from "../mod.ts";
import { serverFlags, serverOptions } from "../src/cli/flags.ts";
import { exampleHelp } from "../src/cli/help.ts";
import { run } from "../src/cli/program.ts";
import { serveUntilSignal } from "../src/cli/shutdown_signals.ts";

const help = exampleHelp(
  "discard.ts",
  "Reads everything, sends nothing (RFC 863).",
  9009,
);

await run(async () => {
  const { values } = parseArgs({ options: serverFlags("9009") });
  const options = serverOptions(values);
  const server = options.transport === "udp"
    ? await serveDatagrams(options, () => {})
    : await serve(options, async (conn) => {
      while (await conn.recv() !== null);
    });
  await serveUntilSignal(server, values);
}, { help });

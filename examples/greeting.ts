// A greeting server: sends a greeting, then ends the connection.
import { parseArgs } from "node:util";
import { serveGreeting } from "../mod.ts";
import { greetingFlags, serverOptions, toWhen } from "../src/cli/flags.ts";
import { exampleHelp } from "../src/cli/help.ts";
import { run } from "../src/cli/program.ts";
import { serveUntilSignal } from "../src/cli/shutdown_signals.ts";

const help = exampleHelp(
  "greeting.ts",
  "Sends a greeting, then ends the connection.",
  8080,
  "      --message TEXT                the greeting [Hello, client!]",
  "      --when connect|message        at once, or after the client spoke [connect]",
);

await run(async () => {
  const { values } = parseArgs({ options: greetingFlags });
  const server = await serveGreeting({
    ...serverOptions(values),
    message: values.message,
    when: toWhen(values.when),
  });
  await serveUntilSignal(server, values);
}, { help });

// A greeting server: sends a greeting, then ends the connection.
import { parseArgs } from "node:util";
import { serveGreeting } from "../mod.ts";
import { greetingFlags, serverOptions, toWhen } from "../src/cli/flags.ts";
import { run } from "../src/cli/program.ts";
import { serveUntilSignal } from "../src/cli/shutdown_signals.ts";

await run(async () => {
  const { values } = parseArgs({ options: greetingFlags });
  const server = await serveGreeting({
    ...serverOptions(values),
    message: values.message,
    when: toWhen(values.when),
  });
  await serveUntilSignal(server, values.cert !== undefined);
});

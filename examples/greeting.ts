// A greeting server: says hello and hangs up.
import { parseArgs } from "node:util";
import { serveGreeting } from "../mod.ts";
import {
  run,
  serverFlags,
  serverOptions,
  serveUntilSignal,
} from "./program.ts";

await run(async () => {
  const { values } = parseArgs({
    options: {
      ...serverFlags("8080"),
      message: { type: "string", default: "Hello, client!" },
      when: { type: "string", default: "connect" },
    },
  });
  const { message, when } = values;
  if (when !== "connect" && when !== "message") {
    throw new TypeError(
      `Invalid --when "${when}": expected connect or message`,
    );
  }
  const server = await serveGreeting({
    ...serverOptions(values),
    message,
    when,
  });
  await serveUntilSignal(server, values.cert !== undefined);
});

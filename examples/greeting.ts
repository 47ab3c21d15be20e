// A greeting server: says hello and hangs up, like a daytime or quote service.
import { parseArgs } from "node:util";
import { formatAddress, serveGreeting } from "../mod.ts";
import { run, serveUntilSignal, toPort } from "./program.ts";

await run(async () => {
  const { values } = parseArgs({
    options: {
      hostname: { type: "string", default: "127.0.0.1" },
      port: { type: "string", default: "8080" },
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
    hostname: values.hostname,
    port: toPort(values.port),
    message,
    when,
    onConnect: (conn) => console.error(formatAddress(conn.remoteAddr)),
  });
  await serveUntilSignal(server);
});

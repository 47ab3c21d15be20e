// An echo server: sends back whatever it gets, until the client ends.
import { parseArgs } from "node:util";
import { formatAddress, serveEcho } from "../mod.ts";
import { run, serveUntilSignal, toPort } from "./program.ts";

await run(async () => {
  const { values } = parseArgs({
    options: {
      hostname: { type: "string", default: "127.0.0.1" },
      port: { type: "string", default: "65432" },
    },
  });
  const server = await serveEcho({
    hostname: values.hostname,
    port: toPort(values.port),
    onConnect: (conn) => console.error(formatAddress(conn.remoteAddr)),
  });
  await serveUntilSignal(server);
});

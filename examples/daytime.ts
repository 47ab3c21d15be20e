// Daytime (RFC 867): tells the time to whoever connects or sends a datagram.
import { parseArgs } from "node:util";
import { serveGreeting } from "../mod.ts";
import {
  run,
  serverFlags,
  serverOptions,
  serveUntilSignal,
} from "./program.ts";

await run(async () => {
  const { values } = parseArgs({ options: serverFlags("1313") });
  const server = await serveGreeting({
    ...serverOptions(values),
    message: () => `${new Date().toUTCString()}\r\n`,
  });
  await serveUntilSignal(server, values.cert !== undefined);
});

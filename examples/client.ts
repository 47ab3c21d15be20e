// Sends a message, ends its side, and prints what comes back.
import process from "node:process";
import { parseArgs } from "node:util";
import { connect } from "../mod.ts";
import { run, toPort } from "./program.ts";

await run(async () => {
  const { values } = parseArgs({
    options: {
      hostname: { type: "string", default: "127.0.0.1" },
      port: { type: "string", default: "65432" },
      message: { type: "string", default: "Hello, world" },
    },
  });
  await using conn = await connect({
    hostname: values.hostname,
    port: toPort(values.port),
  });
  // Both ways at once: an echo of a long message comes while it is being sent.
  const sent = conn.send(values.message).then(() => conn.closeWrite());
  const printed = (async () => {
    for (let data; (data = await conn.recv()) !== null;) {
      process.stdout.write(data);
    }
  })();
  await Promise.all([sent, printed]);
});

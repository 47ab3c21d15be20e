// Sends a message, ends its side, and prints what comes back.
import { readFileSync } from "node:fs";
import process from "node:process";
import { parseArgs } from "node:util";
import { bind, connect, formatAddress } from "../mod.ts";
import { addressFlags, checkFlags, toNumber } from "../src/cli/flags.ts";
import { run } from "../src/cli/program.ts";

/** How long a datagram may take to be answered. */
const PATIENCE = 5000;

await run(async () => {
  const { values } = parseArgs({
    options: {
      ...addressFlags("65432"),
      tls: { type: "boolean", default: false },
      ca: { type: "string" },
      message: { type: "string", default: "Hello, world" },
    },
  });
  const { hostname, unix, message, ca } = values;
  const port = toNumber("port", values.port);
  checkFlags(values);

  if (values.udp) {
    const ours = hostname.includes(":") ? "::" : "0.0.0.0";
    await using socket = await bind({ hostname: ours, port: 0 });
    await socket.sendTo(message, { hostname, port });
    const patience = new AbortController();
    const { signal } = patience;
    const where = formatAddress({ transport: "udp", hostname, port });
    const late = setTimeout(
      () => patience.abort(`No reply from ${where} in ${PATIENCE} ms`),
      PATIENCE,
    );
    const [reply] = await socket.recvFrom({ signal });
    clearTimeout(late);
    process.stdout.write(reply);
    return;
  }

  const tls = ca !== undefined
    ? { caCerts: [readFileSync(ca, "utf8")] }
    : values.tls || undefined;
  await using conn = await connect(
    unix === undefined
      ? { hostname, port, tls }
      : { transport: "unix", path: unix },
  );
  // Both ways at once: an echo of a long message comes while it is being sent.
  const sent = conn.send(message).then(() => conn.closeWrite());
  const printed = (async () => {
    for (let data; (data = await conn.recv()) !== null;) {
      process.stdout.write(data);
    }
  })();
  await Promise.all([sent, printed]);
});

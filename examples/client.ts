// Sends a message, ends its side, and prints the reply.
import { readFileSync } from "node:fs";
import process from "node:process";
import { parseArgs } from "node:util";
import { bind, connect, formatAddress } from "../mod.ts";
import { addressFlags, checkFlags, toNumber } from "../src/cli/flags.ts";
import { run } from "../src/cli/program.ts";

/** Milliseconds to wait for the reply to a datagram. */
const REPLY_TIMEOUT = 5000;

const help = `Usage: client.ts [FLAGS]

Sends a message, ends its side, and prints the reply as it is.

      --hostname HOST  the server [127.0.0.1]
      --port PORT      its port [65432]
      --udp            a datagram instead of a connection
      --unix PATH      a Unix socket; @NAME is an abstract one
      --message TEXT   what to send [Hello, world]
      --tls            speak TLS, to a verified server
      --ca FILE        trust these certificates (PEM) as well; implies --tls`;

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
    const wildcard = hostname.includes(":") ? "::" : "0.0.0.0";
    await using socket = await bind({ hostname: wildcard, port: 0 });
    await socket.sendTo(message, { hostname, port });
    const controller = new AbortController();
    const { signal } = controller;
    const server = formatAddress({ transport: "udp", hostname, port });
    const timer = setTimeout(
      () => controller.abort(`No reply from ${server} in ${REPLY_TIMEOUT} ms`),
      REPLY_TIMEOUT,
    );
    const [reply] = await socket.recvFrom({ signal });
    clearTimeout(timer);
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
  // Send and receive concurrently: the echo of a long message starts to arrive
  // before all of it is sent.
  const sent = conn.send(message).then(() => conn.closeWrite());
  const printed = (async () => {
    for (let data; (data = await conn.recv()) !== null;) {
      process.stdout.write(data);
    }
  })();
  await Promise.all([sent, printed]);
}, { help });

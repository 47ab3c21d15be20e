// Sends a message, ends its side, and prints the reply.
import { readFileSync } from "node:fs";
import process from "node:process";
import { parseArgs } from "node:util";
import { bind, connect, type ConnectOptions, formatAddress } from "../mod.ts";

const HELP = `Usage: client.ts [FLAGS]

Sends a message, ends its side, and prints the reply.

      --hostname HOST  the server [127.0.0.1]
      --port PORT      its port [65432]
      --udp            a datagram instead of a connection
      --unix PATH      a Unix socket
      --message TEXT   what to send [Hello, world]
      --tls            speak TLS, to a verified server
      --ca FILE        trust these certificates (PEM) as well; implies --tls
  -h, --help           this text`;

/** Milliseconds to wait for the reply to a datagram. */
const REPLY_TIMEOUT = 5000;

/** Prints chunks as they come, and ends them with a newline. */
async function print(
  chunks: AsyncIterable<Uint8Array> | Uint8Array[],
): Promise<void> {
  let last: number | undefined;
  for await (const data of chunks) {
    process.stdout.write(data);
    last = data.at(-1);
  }
  if (last !== undefined && last !== 10) process.stdout.write("\n");
}

async function ask(options: ConnectOptions, message: string): Promise<void> {
  await using conn = await connect(options);
  // Send and receive concurrently: the echo of a long message starts to arrive
  // before all of it is sent.
  const sent = conn.send(message).then(() => conn.closeWrite());
  await Promise.all([sent, print(conn)]);
}

async function askByDatagram(
  hostname: string,
  port: number,
  message: string,
): Promise<void> {
  const wildcard = hostname.includes(":") ? "::" : "0.0.0.0";
  await using socket = await bind({ hostname: wildcard, port: 0 });
  await socket.sendTo(message, { hostname, port });
  const signal = AbortSignal.timeout(REPLY_TIMEOUT);
  const [reply] = await socket.recvFrom({ signal }).catch((error) => {
    if (error !== signal.reason) throw error;
    const server = formatAddress({ transport: "udp", hostname, port });
    throw new Error(`No reply from ${server} in ${REPLY_TIMEOUT} ms`);
  });
  await print([reply]);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      hostname: { type: "string", default: "127.0.0.1" },
      port: { type: "string", default: "65432" },
      udp: { type: "boolean", default: false },
      unix: { type: "string" },
      message: { type: "string", default: "Hello, world" },
      tls: { type: "boolean", default: false },
      ca: { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return console.log(HELP);
  const { hostname, unix: path, message, ca } = values;
  const port = Number(values.port);
  // Never plain text where TLS was asked for.
  if ((values.tls || ca !== undefined) && (values.udp || path !== undefined)) {
    throw new TypeError("--tls and --ca do not go with --udp or --unix");
  }
  if (values.udp && path !== undefined) {
    throw new TypeError("--udp does not go with --unix");
  }
  if (values.udp) return await askByDatagram(hostname, port, message);
  if (path !== undefined) {
    return await ask({ transport: "unix", path }, message);
  }
  const tls = ca === undefined
    ? values.tls
    : { caCerts: [readFileSync(ca, "utf8")] };
  await ask({ hostname, port, tls }, message);
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

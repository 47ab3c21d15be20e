// A TCP proxy: two pipes, one for each direction.
import { readFileSync } from "node:fs";
import process from "node:process";
import { parseArgs } from "node:util";
import {
  connect,
  type Connection,
  formatAddress,
  serve,
  serveUntilSignal,
  type TcpConnectOptions,
  type TlsListenOptions,
} from "../mod.ts";

const HELP = `Usage: proxy.ts [FLAGS]

Relays each connection to a target, both ways.

      --hostname HOST         name or IP to listen on [127.0.0.1]
      --port PORT             port, 0 to have one chosen [8000]
      --cert FILE --key FILE  speak TLS with the clients (PEM)
      --to-hostname HOST      the target [127.0.0.1]
      --to-port PORT          its port [65432]
      --send-proxy            tell it the client's address, by a PROXY header
  -h, --help                  this text`;

/** Reads the certificate that the flags name, if they do. */
function readTls(cert?: string, key?: string): TlsListenOptions | undefined {
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) {
    throw new TypeError("TLS needs both, --cert FILE and --key FILE");
  }
  return { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
}

async function relay(
  client: Connection,
  to: TcpConnectOptions,
  sendProxy: boolean,
): Promise<void> {
  const { remoteAddr: source, localAddr: destination } = client;
  const isTcp = source.transport === "tcp" && destination.transport === "tcp";
  const proxyHeader = sendProxy && isTcp
    ? { version: 2, source, destination } as const
    : undefined;
  await using target = await connect({ ...to, proxyHeader });
  try {
    await Promise.all([client.pipeTo(target), target.pipeTo(client)]);
  } catch (error) {
    // The target must not take half a request for the whole; `serve` resets
    // the client when this throws.
    await target.reset();
    throw error;
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      hostname: { type: "string", default: "127.0.0.1" },
      port: { type: "string", default: "8000" },
      cert: { type: "string" },
      key: { type: "string" },
      "to-hostname": { type: "string", default: "127.0.0.1" },
      "to-port": { type: "string", default: "65432" },
      "send-proxy": { type: "boolean", default: false },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return console.log(HELP);
  const to = {
    hostname: values["to-hostname"],
    port: Number(values["to-port"]),
  };
  const tls = readTls(values.cert, values.key);
  await serveUntilSignal(serve({
    hostname: values.hostname,
    port: Number(values.port),
    tls,
    onListen: (addr) => {
      const kind = tls === undefined ? "" : "tls ";
      console.log(`listening on ${kind}${formatAddress(addr)}`);
    },
    // Without it, a server prints no error that a peer can cause, such as a
    // target that is down.
    onError: (error) =>
      console.error(error instanceof Error ? error.message : error),
  }, (client) => relay(client, to, values["send-proxy"])));
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

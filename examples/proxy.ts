// A TCP proxy: two pipes, one for each direction.
import process from "node:process";
import { parseArgs } from "node:util";
import {
  connect,
  type Connection,
  formatAddress,
  serve,
  serveUntilSignal,
  type TcpConnectOptions,
} from "../mod.ts";

const HELP = `Usage: proxy.ts [FLAGS]

Relays each connection to a target, both ways.

      --hostname HOST     name or IP to listen on [127.0.0.1]
      --port PORT         port, 0 to have one chosen [8000]
      --to-hostname HOST  the target [127.0.0.1]
      --to-port PORT      its port [65432]
  -h, --help              this text`;

async function relay(
  client: Connection,
  to: TcpConnectOptions,
): Promise<void> {
  await using target = await connect(to);
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
      "to-hostname": { type: "string", default: "127.0.0.1" },
      "to-port": { type: "string", default: "65432" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return console.log(HELP);
  const to = {
    hostname: values["to-hostname"],
    port: Number(values["to-port"]),
  };
  await serveUntilSignal(serve({
    hostname: values.hostname,
    port: Number(values.port),
    onListen: (addr) => console.log(`listening on ${formatAddress(addr)}`),
    // Without it, a server prints no error that a peer can cause, such as a
    // target that is down.
    onError: (error) =>
      console.error(error instanceof Error ? error.message : error),
  }, (client) => relay(client, to)));
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

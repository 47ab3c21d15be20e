// Daytime (RFC 867): sends the time to each client, or in reply to a datagram.
import process from "node:process";
import { parseArgs } from "node:util";
import {
  type Address,
  formatAddress,
  serveGreeting,
  serveUntilSignal,
} from "../mod.ts";

const HELP = `Usage: daytime.ts [FLAGS]

Sends the time to each client (RFC 867).

      --hostname HOST  name or IP to listen on [127.0.0.1]
      --port PORT      port, 0 to have one chosen [1313]
      --udp            datagrams instead of connections
  -h, --help           this text`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      hostname: { type: "string", default: "127.0.0.1" },
      port: { type: "string", default: "1313" },
      udp: { type: "boolean" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return console.log(HELP);
  await serveUntilSignal(serveGreeting({
    transport: values.udp ? "udp" : "tcp",
    hostname: values.hostname,
    port: Number(values.port),
    message: () => `${new Date().toUTCString()}\r\n`,
    onListen: (addr: Address) =>
      console.log(`listening on ${formatAddress(addr)}`),
  }));
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

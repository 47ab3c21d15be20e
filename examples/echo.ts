// An echo server: sends back every byte until the client ends its side.
import process from "node:process";
import { parseArgs } from "node:util";
import {
  type Address,
  formatAddress,
  serveEcho,
  serveUntilSignal,
} from "../mod.ts";

const HELP = `Usage: echo.ts [FLAGS]

Sends back what it gets, until the client ends.

      --hostname HOST  name or IP to listen on [127.0.0.1]
      --port PORT      port, 0 to have one chosen [65432]
      --udp            datagrams instead of connections
  -h, --help           this text

Talk to it with: nc 127.0.0.1 65432`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      hostname: { type: "string", default: "127.0.0.1" },
      port: { type: "string", default: "65432" },
      udp: { type: "boolean" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return console.log(HELP);
  await serveUntilSignal(serveEcho({
    transport: values.udp ? "udp" : "tcp",
    hostname: values.hostname,
    port: Number(values.port),
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

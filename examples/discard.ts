// Discard (RFC 863): reads everything, sends nothing.
import process from "node:process";
import { parseArgs } from "node:util";
import {
  type Address,
  type Connection,
  formatAddress,
  serve,
  serveDatagrams,
  serveUntilSignal,
} from "../mod.ts";

const HELP = `Usage: discard.ts [FLAGS]

Reads everything, sends nothing (RFC 863).

      --hostname HOST  name or IP to listen on [127.0.0.1]
      --port PORT      port, 0 to have one chosen [9009]
      --udp            datagrams instead of connections
  -h, --help           this text`;

async function discard(conn: Connection): Promise<void> {
  while (await conn.recv() !== null);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      hostname: { type: "string", default: "127.0.0.1" },
      port: { type: "string", default: "9009" },
      udp: { type: "boolean" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return console.log(HELP);
  const options = {
    hostname: values.hostname,
    port: Number(values.port),
    onListen: (addr: Address) =>
      console.log(`listening on ${formatAddress(addr)}`),
  };
  const server = values.udp
    ? serveDatagrams(options, () => {})
    : serve(options, discard);
  await serveUntilSignal(server);
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

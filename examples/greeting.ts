// A greeting server: sends a greeting, then ends the connection.
import process from "node:process";
import { parseArgs } from "node:util";
import { formatAddress, serveGreeting, serveUntilSignal } from "../mod.ts";

const HELP = `Usage: greeting.ts [FLAGS]

Sends a greeting, then ends the connection.

      --hostname HOST         name or IP to listen on [127.0.0.1]
      --port PORT             port, 0 to have one chosen [8080]
      --message TEXT          the greeting [Hello, client!]
      --when connect|message  at once, or after the client spoke [connect]
  -h, --help                  this text`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      hostname: { type: "string", default: "127.0.0.1" },
      port: { type: "string", default: "8080" },
      message: { type: "string", default: "Hello, client!" },
      when: { type: "string", default: "connect" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return console.log(HELP);
  const { message, when } = values;
  if (when !== "connect" && when !== "message") {
    throw new TypeError(`Invalid --when ${when}: expected connect or message`);
  }
  await serveUntilSignal(serveGreeting({
    hostname: values.hostname,
    port: Number(values.port),
    message,
    when,
    onListen: (addr) => console.log(`listening on ${formatAddress(addr)}`),
  }));
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

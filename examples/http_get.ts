// Sends a raw HTTP request and prints the response, head and body.
import process from "node:process";
import { parseArgs } from "node:util";
import { connect, formatAddress } from "../mod.ts";

const HELP = `Usage: http_get.ts [FLAGS]

Prints the response to a raw HTTP request, head and body.

      --hostname HOST  the server [127.0.0.1]
      --port PORT      its port [80]
      --path PATH      what to ask for [/]
  -h, --help           this text`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      hostname: { type: "string", default: "127.0.0.1" },
      port: { type: "string", default: "80" },
      path: { type: "string", default: "/" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return console.log(HELP);
  const { hostname, path } = values;
  const port = Number(values.port);
  const host = formatAddress({ transport: "tcp", hostname, port });
  await using conn = await connect({ hostname, port });
  await conn.send(
    `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
  );
  let last: number | undefined;
  for await (const data of conn) {
    process.stdout.write(data);
    last = data.at(-1);
  }
  // The terminal's prompt must not follow the body.
  if (last !== 10) process.stdout.write("\n");
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

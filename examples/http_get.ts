// Sends a raw HTTP request and prints the response, head and body.
import process from "node:process";
import { parseArgs } from "node:util";
import { connect, formatAddress } from "../mod.ts";
import { toNumber } from "../src/cli/flags.ts";
import { run } from "../src/cli/program.ts";

await run(async () => {
  const { values } = parseArgs({
    options: {
      hostname: { type: "string", default: "127.0.0.1" },
      port: { type: "string", default: "80" },
      path: { type: "string", default: "/" },
    },
  });
  const { hostname, path } = values;
  const port = toNumber("port", values.port);
  const host = formatAddress({ transport: "tcp", hostname, port });
  await using conn = await connect({ hostname, port });
  await conn.send(
    `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
  );
  for (let data; (data = await conn.recv()) !== null;) {
    process.stdout.write(data);
  }
});

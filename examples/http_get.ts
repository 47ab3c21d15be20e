// A raw HTTP request: prints the response, head and body.
import process from "node:process";
import { parseArgs } from "node:util";
import { connect } from "../mod.ts";
import { run, toPort } from "./program.ts";

await run(async () => {
  const { values } = parseArgs({
    options: {
      hostname: { type: "string", default: "127.0.0.1" },
      port: { type: "string", default: "80" },
      path: { type: "string", default: "/" },
    },
  });
  const { hostname, port, path } = values;
  await using conn = await connect({ hostname, port: toPort(port) });
  await conn.send(
    `GET ${path} HTTP/1.1\r\nHost: ${hostname}:${port}\r\n` +
      "Connection: close\r\n\r\n",
  );
  for (let data; (data = await conn.recv()) !== null;) {
    process.stdout.write(data);
  }
});

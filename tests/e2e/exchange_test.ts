// 100 MB from each runtime to each and back, on every transport of a stream.
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { assertEquals } from "../support/assert.ts";
import { hundredBlocks } from "../support/bytes.ts";
import { options, serve, streamNames } from "../support/examples.ts";
import { output, runtimes } from "../support/programs.ts";

const CLIENT = fileURLToPath(
  new URL("../support/exchange_program.ts", import.meta.url),
);

const hash = createHash("sha256");
for (const block of hundredBlocks()) hash.update(block);
const EXPECTED = `100000000 ${hash.digest("hex")}\n`;

for (const runtime of runtimes) {
  for (const transport of streamNames) {
    describe(`parley echo on ${runtime.name}, ${transport}`, () => {
      // No two runtimes differ on IPv6 where they do not on IPv4.
      const clients = transport === "TCP/IPv6" ? [runtime] : runtimes;
      for (const { name, command } of clients) {
        it(
          `${name} gets 100 MB back, after a half-close`,
          options,
          async () => {
            await using server = await serve(runtime, transport, "parley echo");
            const target = JSON.stringify(server.target);
            const printed = await output([...command, CLIENT, target]);
            assertEquals(printed, EXPECTED);
          },
        );
      }
    });
  }
}

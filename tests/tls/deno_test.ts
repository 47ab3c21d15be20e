// Faults of `node:tls` on Deno that src/adapters/node/duplex.ts works around;
// once these tests fail, it need not.
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { connect, createSecureContext, TLSSocket } from "node:tls";
import { assertEquals } from "../support/assert.ts";
import { onDeno } from "../support/platform.ts";
import { testTls } from "../support/tls.ts";

if (!onDeno) console.log("Skipped: faults of node:tls on Deno");
else {
  testTls("a paused TLSSocket of Deno never reports the end", async (made) => {
    const { cert, key } = made.server;
    const server = createServer({ allowHalfOpen: true });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    if (address === null || typeof address === "string") throw address;
    const client = connect({
      port: address.port,
      ca: made.ca,
      host: "localhost",
    });
    client.on("error", () => {});
    const [socket]: Socket[] = await once(server, "connection");
    const secured = new TLSSocket(socket, {
      isServer: true,
      secureContext: createSecureContext({ cert, key }),
      ...{ highWaterMark: 1 },
    });
    await once(secured, "secure");
    secured.pause();
    client.end("hello");
    await once(client, "finish");
    let hasEnded = false;
    secured.on("end", () => hasEnded = true).on("data", () => {});
    // It has to be paused when the end comes, and to have time to report it.
    await new Promise((resolve) => setTimeout(resolve, 200));
    secured.resume();
    await new Promise((resolve) => setTimeout(resolve, 200));
    assertEquals(hasEnded, false);
    secured.destroy();
    client.destroy();
    server.close();
  });
}

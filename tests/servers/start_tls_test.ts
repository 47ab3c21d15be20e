// A server goes on with the connection that its handler's `startTls` made.
import {
  connect,
  type Connection,
  type ConnectionSummary,
  serve,
  type ServerOptions,
} from "../../mod.ts";
import { assertEquals } from "../support/assert.ts";
import { text } from "../support/bytes.ts";
import type { Certificates } from "../support/certificates.ts";
import { testTls } from "../support/tls.ts";
import { portOf } from "../support/transports.ts";

/** Serves by a handler for the connection after its upgrade. */
function serveTls(
  { server }: Certificates,
  options: ServerOptions,
  handler: (conn: Connection) => Promise<unknown>,
) {
  return serve({ ...options, port: 0 }, async (plain) => {
    await plain.recvUntil("\n");
    await plain.send("go\n");
    await handler(await plain.startTls({ ...server, serverSide: true }));
  });
}

async function connectTls({ ca }: Certificates, port: number) {
  const plain = await connect({ port });
  await plain.send("STARTTLS\n");
  await plain.recvUntil("\n");
  return await plain.startTls({ caCerts: [ca] });
}

testTls("an idle connection is closed after startTls, too", async (made) => {
  const idleTimeout = 200;
  await using server = await serveTls(
    made,
    { idleTimeout, onError: () => {} },
    (conn) => conn.recv(),
  );
  await using client = await connectTls(made, portOf(server.addr));
  assertEquals(await client.recv(), null);
});

testTls("a shutdown ends a connection after startTls", async (made) => {
  await using server = await serveTls(made, {}, async (conn) => {
    await conn.send("ready");
    await conn.recv();
  });
  await using client = await connectTls(made, portOf(server.addr));
  assertEquals(text(await client.recvExactly(5)), "ready");
  await server.shutdown({ timeout: 0 });
  assertEquals(await client.recv(), null);
});

testTls("after the handler it ends in order, and is counted", async (made) => {
  const over = Promise.withResolvers<ConnectionSummary>();
  await using server = await serveTls(
    made,
    { onDisconnect: over.resolve },
    (conn) => conn.send("the last words"),
  );
  await using client = await connectTls(made, portOf(server.addr));
  assertEquals(text(await client.recvExactly(14)), "the last words");
  assertEquals(await client.recv(), null);
  await client.close();
  const { bytesReceived, bytesSent } = await over.promise;
  assertEquals([bytesReceived, bytesSent], [9, 17]);
});

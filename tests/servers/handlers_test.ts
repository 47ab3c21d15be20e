// Handlers of the kinds that the examples have, on every transport: one that
// discards, one that relays, a room of clients.
import { connect, type Connection, echo, serve } from "../../mod.ts";
import { assertEquals, assertSameBytes } from "../support/assert.ts";
import { pattern, recvAll, text } from "../support/bytes.ts";
import { testEachTransport } from "../support/transports.ts";

const MIB = 1024 * 1024;

async function sendAndEnd(conn: Connection, bytes: Uint8Array): Promise<void> {
  await conn.send(bytes);
  await conn.closeWrite();
}

testEachTransport("8 MiB are discarded, without a word", async (transport) => {
  await using server = await serve(transport.listenOptions(), async (conn) => {
    while (await conn.recv() !== null);
  });
  await using client = await transport.connect(server.addr);
  const [received] = await Promise.all([
    recvAll(client),
    sendAndEnd(client, pattern(8 * MIB)),
  ]);
  assertEquals(received.length, 0);
  assertEquals(server.stats().bytesReceived, 8 * MIB);
});

testEachTransport("8 MiB are relayed both ways", async (transport) => {
  await using target = await serve({ port: 0 }, echo);
  const to = { port: target.addr.port };
  await using relay = await serve(transport.listenOptions(), async (client) => {
    await using conn = await connect(to);
    await Promise.all([client.pipeTo(conn), conn.pipeTo(client)]);
  });
  await using client = await transport.connect(relay.addr);
  const bytes = pattern(8 * MIB);
  const [received] = await Promise.all([
    recvAll(client),
    sendAndEnd(client, bytes),
  ]);
  assertSameBytes(received, bytes);
});

testEachTransport("two clients meet in a room", async (transport) => {
  const members = new Set<Connection>();
  await using server = await serve(transport.listenOptions(), async (conn) => {
    const broadcast = (line: string) => {
      for (const other of members) if (other !== conn) other.send(`${line}\n`);
    };
    broadcast("came");
    members.add(conn);
    for await (const line of conn.lines()) broadcast(line);
    members.delete(conn);
    broadcast("left");
  });
  await using a = await transport.connect(server.addr);
  await using b = await transport.connect(server.addr);
  // The handshakes of TLS may end in either order at the server: the first one
  // in receives the announcement of the other.
  const received = [a, b].map((conn) => conn.recv());
  const i = await Promise.race(
    received.map((data, i) => data.then(() => i)),
  );
  const [first, second] = i === 0 ? [a, b] : [b, a];
  assertEquals(text(await received[i]), "came\n");
  await second.send("hello\n");
  assertEquals(text(await first.recv()), "hello\n");
  await first.closeWrite();
  assertEquals(text(await recvAll(first)), "");
  assertEquals(text(await received[1 - i]), "left\n");
});

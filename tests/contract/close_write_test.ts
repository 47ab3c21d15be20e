// What `closeWrite` promises: an end of one side only.
import { once } from "node:events";
import { type AddressInfo, createConnection, createServer } from "node:net";
import { it } from "node:test";
import { testContract } from "../support/adapters.ts";
import {
  assertEquals,
  assertRejectsWith,
  assertSameBytes,
} from "../support/assert.ts";
import { concat, pattern, recvAll, text, TOO_MUCH } from "../support/bytes.ts";
import { pair } from "../support/transports.ts";

testContract(
  "closeWrite ends this side after the queued sends",
  async (over) => {
    await using ends = await pair(over);
    const { client, server } = ends;
    const sent = [client.send(pattern(TOO_MUCH)), client.closeWrite()];
    sent.push(client.closeWrite());
    assertEquals((await recvAll(server)).length, TOO_MUCH);
    await Promise.all(sent);
    await server.send("still here");
    await server.closeWrite();
    assertEquals(text(await recvAll(client)), "still here");
  },
);

testContract("send after closeWrite is EPIPE", async (over) => {
  await using ends = await pair(over);
  await ends.client.closeWrite();
  await assertRejectsWith("EPIPE", () => ends.client.send("late"));
  assertEquals(await ends.server.recv(), null);
});

testContract(
  "a peer that ended can still be sent everything",
  async (over) => {
    await using ends = await pair(over);
    const { client, server } = ends;
    const data = pattern(8 << 20);
    await client.closeWrite();
    assertEquals(await server.recv(), null);
    const sent = server.send(data).then(() => server.closeWrite());
    assertSameBytes(await recvAll(client), data);
    await sent;
  },
);

if ("Deno" in globalThis) {
  it("node:net on Deno fails a write after the peer's end", async () => {
    const server = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const client = createConnection({ port, allowHalfOpen: true });
    const [socket] = await once(server, "connection");
    client.pause().end();
    await once(socket.resume(), "end");
    // Once this is no error, the difference of keepAlive and localAddress ends.
    socket.write(pattern(TOO_MUCH));
    const [error] = await once(socket, "error");
    assertEquals(error.code, "EPIPE");
    client.destroy();
    server.close();
  });
}

testContract("closeWrite between receives loses nothing", async (over) => {
  for (const size of [300, 40_000]) {
    await using ends = await pair(over);
    const { client, server } = ends;
    const data = pattern(20 * size);
    const sends: Promise<void>[] = [];
    for (let at = 0; at < data.length; at += size) {
      sends.push(client.send(data.subarray(at, at + size)));
    }
    sends.push(client.closeWrite());
    const first = await server.recv(size);
    await server.closeWrite();
    const rest = await recvAll(server);
    assertSameBytes(concat([first!, rest]), data);
    await Promise.all(sends);
    assertEquals(await client.recv(), null);
  }
});

// `optional`: trusted peers may send a header, or none.
import { it } from "node:test";
import { connect, listen } from "../../mod.ts";
import { assert, assertEquals, assertRejects } from "../support/assert.ts";
import { text } from "../support/bytes.ts";

const proxyProtocol = { trustedProxies: ["127.0.0.1"], optional: true };
const HEADER = "PROXY TCP4 203.0.113.7 198.51.100.1 51000 443\r\n";

it("a header that comes counts", async () => {
  await using listener = await listen({ port: 0, proxyProtocol });
  await using client = await connect({ port: listener.addr.port });
  await client.send(`${HEADER}hello`);
  await using server = await listener.accept();
  assert(server.remoteAddr.transport === "tcp");
  assertEquals(server.remoteAddr.hostname, "203.0.113.7");
  assertEquals(text(await server.recv() ?? new Uint8Array()), "hello");
});

it("other first bytes are the client's own", async () => {
  await using listener = await listen({ port: 0, proxyProtocol });
  await using client = await connect({ port: listener.addr.port });
  await client.send("hello");
  await client.closeWrite();
  await using server = await listener.accept();
  assertEquals<unknown>(server.remoteAddr, client.localAddr);
  assertEquals(server.bytesReceived, 0);
  assertEquals(text(await server.recv() ?? new Uint8Array()), "hello");
  assertEquals(await server.recv(), null);
});

it("a silent client is accepted after a moment", async () => {
  await using listener = await listen({ port: 0, proxyProtocol });
  await using client = await connect({ port: listener.addr.port });
  const start = performance.now();
  await using server = await listener.accept();
  assert(performance.now() - start < 2000);
  assertEquals<unknown>(server.remoteAddr, client.localAddr);
  await server.send("welcome");
  assertEquals(text(await client.recv() ?? new Uint8Array()), "welcome");
  // Whatever comes later is none.
  await client.send(HEADER);
  assertEquals(text(await server.recv() ?? new Uint8Array()), HEADER);
});

it("a header cut in two is one, and a wrong one is closed", async () => {
  await using listener = await listen({ port: 0, proxyProtocol });
  await using cut = await connect({ port: listener.addr.port });
  const accepting = listener.accept();
  await cut.send(HEADER.slice(0, 9));
  await cut.send(HEADER.slice(9));
  await using server = await accepting;
  assert(server.remoteAddr.transport === "tcp");
  assertEquals(server.remoteAddr.hostname, "203.0.113.7");
  const none = listener.accept();
  none.catch(() => {});
  await using wrong = await connect({ port: listener.addr.port });
  await wrong.send("PROXY TCP5 nonsense\r\n");
  assertEquals(await wrong.recv().catch(() => null), null);
});

it("optional is a boolean", async () => {
  const wrong = { ...proxyProtocol, optional: 1 as unknown as boolean };
  await assertRejects(
    () => listen({ port: 0, proxyProtocol: wrong }),
    TypeError,
  );
});

// `reset()`: what the peer sees of it, and what becomes of pending calls.
import { assert, assertEquals, assertRejectsWith } from "../support/assert.ts";
import { pattern } from "../support/bytes.ts";
import { testContract } from "../support/adapters.ts";
import { onDeno } from "../support/platform.ts";
import { python, start } from "../support/programs.ts";
import { testTls } from "../support/tls.ts";
import {
  pair,
  portOf,
  type Transport,
  transports,
} from "../support/transports.ts";
import { type Connection, listen } from "../../mod.ts";
import { it } from "node:test";

/** Whether a reset of ours is one on the wire. */
function resets({ name, title }: Transport): boolean {
  const can = name !== "Unix" && !onDeno && !title.startsWith("node:net");
  if (!can) console.log(`On ${title} a reset is a close here`);
  return can;
}

async function exchange(client: Connection, server: Connection): Promise<void> {
  await Promise.all([client.send("a"), server.send("b")]);
  await Promise.all([client.recv(1), server.recv(1)]);
}

testContract("reset() fails what the peer receives", async (over) => {
  await using ends = await pair(over);
  const { client, server } = ends;
  // A reset amid the end of a TLS handshake is seen by it alone.
  await exchange(client, server);
  const received = server.recv().then((data) => data, ({ code }) => code);
  await client.reset();
  const end = await received;
  if (resets(over)) assertEquals(end, "ECONNRESET");
  else assert([null, "ECONNRESET", "EPROTO"].includes(end), end);
});

testContract("reset() rejects what is pending, once", async (over) => {
  await using ends = await pair(over);
  const { client } = ends;
  const received = assertRejectsWith("EBADF", () => client.recv());
  const sends = [1, 2].map(() =>
    assertRejectsWith("EBADF", () => client.send(pattern(32 * 1024 * 1024)))
  );
  await client.reset();
  await Promise.all([received, ...sends]);
  await client.reset();
  await client.close();
  await assertRejectsWith("EBADF", () => client.recv());
  await assertRejectsWith("EBADF", () => client.send("late"));
  await assertRejectsWith("EBADF", () => client.closeWrite());
});

testContract("reset() after close() changes nothing", async (over) => {
  await using ends = await pair(over);
  const { client, server } = ends;
  await client.send("the last words");
  const received = server.recv(14);
  await client.close();
  await client.reset();
  assertEquals((await received)?.length, 14);
  assertEquals(await server.recv(), null);
});

testContract("reset() drops what is queued", async (over) => {
  await using ends = await pair(over);
  const { client, server } = ends;
  client.send(pattern(32 * 1024 * 1024)).catch(() => {});
  await server.recv(1);
  await client.reset();
  let end: string | undefined;
  while (end === undefined) {
    const data = await server.recv().catch(({ code }) => code);
    if (data === null) end = "an end";
    else if (typeof data === "string") end = data;
  }
  if (resets(over)) assertEquals(end, "ECONNRESET");
  assert(server.bytesReceived < 32 * 1024 * 1024);
});

const PEER = `
s = socket.create_connection(("127.0.0.1", int(args[0])))
s.sendall(b"connected")
try:
    while (data := s.recv(65536)):
        pass
    print("an end")
except ConnectionResetError:
    print("a reset")
`;

it("a peer in Python sees the reset", async () => {
  if (!resets(transports[0])) return;
  await using listener = await listen({ port: 0 });
  await using peer = start(python(PEER, listener.addr.port));
  const conn = await listener.accept();
  await conn.recv();
  await conn.send("half");
  await conn.reset();
  assertEquals(await peer.line(), "a reset");
});

/** Reads below TLS, where Python reports a reset as an end of file. */
const TLS_PEER = `
import ssl
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
s = socket.create_connection(("127.0.0.1", int(args[0])))
s = context.wrap_socket(s)
s.send(b"hello")
assert s.recv(4) == b"half"
print("half", flush=True)
s = socket.socket(fileno=s.detach())
try:
    print(len(s.recv(1000)))
except ConnectionResetError:
    print("a reset")
`;

testTls("over TLS no close_notify makes it an orderly end", async (made) => {
  await using listener = await listen({ port: 0, tls: made.server });
  await using peer = start(python(TLS_PEER, portOf(listener.addr)));
  const conn = await listener.accept();
  await conn.recv();
  await conn.send("half");
  assertEquals(await peer.line(), "half");
  await conn.reset();
  assertEquals(await peer.line(), onDeno ? "0" : "a reset");
});

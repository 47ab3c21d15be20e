// `closed`: the end of a connection, also while no call receives.
import type { Connection } from "../../mod.ts";
import { testContract } from "../support/adapters.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { text } from "../support/bytes.ts";
import { notLinux } from "../support/platform.ts";
import { resetNow, startCutter } from "../support/raw_peer.ts";
import { pair, type Transport, transports } from "../support/transports.ts";
import { testEachTransport } from "../support/transports.ts";

/** Whether `closed` waits, after a turn of the event loop. */
async function isOpen(conn: Connection): Promise<boolean> {
  const turn = new Promise((resolve) => setTimeout(() => resolve(true)));
  return await Promise.race([conn.closed.then(() => false), turn]) === true;
}

testContract("closed resolves at our own end", async (over) => {
  for (const end of ["close", "reset"] as const) {
    await using ends = await pair(over);
    const { client, server } = ends;
    const { closed } = client;
    assert(closed === client.closed, "one promise");
    assert(await isOpen(client));
    await client[end]();
    await closed;
    await server.close();
    // Asked for late.
    await server.closed;
  }
});

testContract("closed resolves when both sides have ended", async (over) => {
  for (const isFirst of [true, false]) {
    await using ends = await pair(over);
    const { client, server } = ends;
    assert(await isOpen(client));
    const [first, second] = isFirst ? [client, server] : [server, client];
    await first.closeWrite();
    assertEquals(await second.recv(), null);
    assert(await isOpen(client));
    await second.send("more");
    assertEquals(text(await first.recv() ?? new Uint8Array()), "more");
    await second.closeWrite();
    assertEquals(await first.recv(), null);
    await client.closed;
    await server.closed;
  }
});

testContract("closed takes no byte from later receives", async (over) => {
  await using ends = await pair(over);
  const { client, server } = ends;
  assert(await isOpen(server));
  for (const word of ["one", "two", "three"]) {
    await client.send(word);
    assert(await isOpen(server));
    let got = "";
    while (got.length < word.length) {
      got += text(await server.recv(2) ?? new Uint8Array());
    }
    assertEquals(got, word);
  }
  const piped = server.pipeTo(server);
  await client.send("four");
  await client.closeWrite();
  let got = "";
  for (let data; (data = await client.recv()) !== null;) got += text(data);
  assertEquals(got, "four");
  await piped;
  await Promise.all([client.closed, server.closed]);
});

testContract("a client that has closed is noticed by a send", async (over) => {
  await using ends = await pair(over);
  const { client, server } = ends;
  const { closed } = server;
  await client.close();
  let isOver = false;
  closed.then(() => isOver = true);
  const chunk = new Uint8Array(65536);
  while (!isOver) {
    await server.send(chunk).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve));
  }
});

const WAIT = `
s = secured(reach(), False)
s.sendall(b"hello")
s.recv(5)
print("here", flush=True)
sys.stdin.readline()
cut(s)
print("cut", flush=True)
`;

/** Unix sockets have no reset that comes without bytes. */
const resettable: Transport[] = notLinux()
  ? []
  : transports.filter(({ name }) => name !== "Unix");

testEachTransport("closed notices a reset by itself", async (over) => {
  await using listener = await over.listen();
  for (const isIdle of [true, false]) {
    await using peer = startCutter(over.name, listener.addr, WAIT);
    await using conn = await listener.accept();
    if (isIdle) {
      await conn.recv(5);
      await conn.send("hello");
    }
    const { closed } = conn;
    if (!isIdle) {
      await conn.recv(5);
      await conn.send("hello");
    }
    assertEquals(await peer.line(), "here");
    await resetNow(peer);
    await closed;
  }
}, resettable);

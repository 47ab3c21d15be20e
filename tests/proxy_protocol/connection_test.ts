// A PROXY header in front of a connection: what it makes of it, and what becomes
// of what follows it.
import { it } from "node:test";
import { connect, echo, listen, serve } from "../../mod.ts";
import { assert, assertEquals, assertSameBytes } from "../support/assert.ts";
import {
  concat,
  pattern,
  recvAll,
  recvExactly,
  text,
} from "../support/bytes.ts";
import { pathOf } from "../support/transports.ts";
import { stalled } from "../support/wait.ts";
import {
  addresses,
  blankSum,
  block,
  bytesOf,
  type Endpoints,
  line,
  LOCAL,
  path,
  PROXY,
  SIGNATURE,
  tcp,
  unix,
} from "./headers.ts";
import {
  assertTurnedAway,
  DESTINATION,
  HEADER,
  HEADERS,
  options,
  proxy,
  SOURCE,
  testBehindProxy,
  V4,
} from "./proxied.ts";

testBehindProxy(
  "the header's addresses are the connection's",
  async (over) => {
    await using listener = await over.listen();
    const six = { source: tcp("2001:db8::7", 1), destination: tcp("::1", 2) };
    const cases: [Uint8Array, Endpoints][] = [
      ...HEADERS.map((header): [Uint8Array, Endpoints] => [
        header,
        { source: SOURCE, destination: DESTINATION },
      ]),
      [line("TCP6", "2001:DB8::0:7", "0::1", 1, 2), six],
      [
        block(PROXY, 0x31, addresses(path("/a"), path(""))),
        { source: unix("/a"), destination: unix("") },
      ],
      [
        block(PROXY, 0x12, V4),
        {
          source: { ...SOURCE, transport: "udp" },
          destination: { ...DESTINATION, transport: "udp" },
        },
      ],
    ];
    for (const [header, { source, destination }] of cases) {
      await using client = await proxy(over, listener, header);
      await using conn = await listener.accept();
      assertEquals(conn.remoteAddr, source);
      assertEquals(conn.localAddr, destination);
      await client.send("to");
      assertEquals(text(await conn.recv()), "to");
      await conn.send("fro");
      assertEquals(text(await client.recv()), "fro");
      await client.close();
      assertEquals(await conn.recv(), null);
      await conn.close();
      assertEquals(conn.remoteAddr, source);
    }
  },
);

testBehindProxy(
  "a header without addresses leaves the real ones",
  async (over) => {
    await using listener = await over.listen();
    const headers = [
      line("UNKNOWN"),
      line("UNKNOWN", "203.0.113.7", "198.51.100.1", 51000, 443),
      block(LOCAL, 0),
      block(LOCAL, 0x11, V4),
      block(PROXY, 0, V4),
    ];
    for (const header of headers) {
      await using client = await proxy(over, listener, header);
      await using conn = await listener.accept();
      assertEquals(conn.localAddr, listener.addr);
      assertEquals(conn.remoteAddr, client.localAddr);
    }
  },
);

testBehindProxy("a header may come byte by byte", async (over) => {
  await using listener = await over.listen();
  for (const header of HEADERS) {
    await using client = await proxy(over, listener);
    const accepted = listener.accept();
    for (const byte of concat([header, bytesOf("!")])) {
      await client.send(Uint8Array.of(byte));
    }
    await using conn = await accepted;
    assertEquals(conn.remoteAddr, SOURCE);
    assertEquals(text(await conn.recv()), "!");
    assertEquals(conn.bytesReceived, 1);
  }
});

testBehindProxy(
  "what follows the header at once is not lost",
  async (over) => {
    await using listener = await over.listen();
    const data = pattern(2_000_003);
    for (const header of HEADERS) {
      for (const length of [1, 1000, 20_000, data.length]) {
        const payload = data.subarray(0, length);
        await using client = await proxy(over, listener);
        const sent = client.send(concat([header, payload]))
          .then(() => client.closeWrite());
        await using conn = await listener.accept();
        assertEquals(conn.bytesReceived, 0);
        const first = await conn.recv(1);
        assert(first !== null);
        assertEquals(first.length, 1);
        // The buffer of the header is not exposed.
        assert(first.buffer.byteLength < header.length);
        const rest = await recvAll(conn);
        assertSameBytes(concat([first, rest]), payload);
        assertEquals(conn.bytesReceived, length);
        await sent;
      }
    }
  },
);

testBehindProxy("pipeTo starts with it, too", async (over) => {
  await using server = await serve(over.listenOptions(), echo);
  const data = pattern(1_000_003);
  await using client = await proxy(over, server);
  const sent = client.send(concat([HEADER, data]))
    .then(() => client.closeWrite());
  assertSameBytes(await recvAll(client), data);
  await sent;
  assertEquals(server.stats().bytesReceived, data.length);
});

testBehindProxy(
  "a peer may end its side right after the header",
  async (over) => {
    await using listener = await over.listen();
    for (const header of HEADERS) {
      await using client = await proxy(over, listener, header);
      await client.closeWrite();
      await using conn = await listener.accept();
      assertEquals(await conn.recv(), null);
      assertEquals(conn.remoteAddr, SOURCE);
      await conn.send("still here");
      await conn.closeWrite();
      assertEquals(text(await recvAll(client)), "still here");
    }
  },
);

testBehindProxy(
  "while nothing receives, the peer is held back",
  async (over) => {
    await using listener = await over.listen();
    await using client = await proxy(over, listener, HEADER);
    await using conn = await listener.accept();
    const flood = client.send(new Uint8Array(64 * 1024 * 1024))
      .catch(({ code }) => code);
    await stalled(() => client.bytesSent);
    assert(client.bytesSent < 32 * 1024 * 1024, `${client.bytesSent} went`);
    assertEquals(conn.bytesReceived, 0);
    await client.close();
    assertEquals(await flood, "EBADF");
  },
);

testBehindProxy(
  "no valid header, no connection, nor the listener's end",
  async (over) => {
    await using listener = await over.listen();
    const accepted = listener.accept();
    const wrong = [
      bytesOf("GET / HTTP/1.1\r\n\r\n"),
      bytesOf("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n"),
      line("TCP4", "1.2.3.04", "1.2.3.4", 1, 2),
      line("TCP4", "203.0.113.7", "::1", 1, 2),
      bytesOf(`PROXY UNKNOWN ${"x".repeat(200)}`),
      concat([bytesOf("\r\n"), HEADER]),
      block(0x22, 0x11, V4),
      block(PROXY, 0x41, V4),
      block(PROXY, 0x21, V4),
      block(PROXY, 0x11, V4, blankSum),
      block(PROXY, 0x11, V4, Uint8Array.of(4, 0, 9)),
      Uint8Array.of(...SIGNATURE, PROXY, 0x11, 0xff, 0xff),
    ];
    for (const bytes of wrong) {
      // Not even with a good one to follow.
      await using client = await proxy(over, listener, concat([bytes, HEADER]));
      await assertTurnedAway(client);
    }
    await using honest = await proxy(over, listener, HEADER, bytesOf("honest"));
    await using conn = await accepted;
    assertEquals(conn.remoteAddr, SOURCE);
    assertEquals(text(await recvExactly(conn, 6)), "honest");
    await honest.close();
  },
);

it("a Unix socket without the option takes no header", options, async () => {
  const place = { transport: "unix", path: pathOf() } as const;
  await using listener = await listen({ ...place, proxyProtocol: false });
  await using client = await connect(place);
  await client.send(HEADER);
  await using conn = await listener.accept();
  assertEquals(text(await recvExactly(conn, HEADER.length)), text(HEADER));
});
